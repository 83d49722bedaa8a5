"""What separates the names of a path: the sign that explains the most lines."""

from collections.abc import Sequence

from taxonomy.graph import split_path, tidy

# In order of preference between signs that explain equally many lines.
_STRONG = (" > ", " >> ",
           " | ", "::", " → ", " » ", " \u203a ", " -> ", " => ", " / ", ">>", ">", "→", "»", "\u203a", "->", "=>",
           "|", "\\", "/")  # fmt: skip
_WEAK = ("--", " - ", " \u2013 ", " \u2014 ", "__", ";", ":", ".", "#", "~", "^")
_ARROW = " > "
_SLASHES = frozenset({"/", "\\", "|", "::", "."})  # which paths may begin or end with
_HALF, _NEARLY_ALL = 0.5, 0.999
_MIN_WEAK_LINES = 2


def find_separator(lines: Sequence[str]) -> str | None:
    """The sign that most lines hold, or are the first name of a line that does; None where none explains half of them.

    ` > ` is believed in any line. Signs that stand in names as well, such as a dot or a dash, must explain all lines
    and give several lines one root.
    """
    best, best_share = None, 0.0
    joined = "\n".join(lines)  # one search for each sign, where most are nowhere
    for separator in _STRONG:
        if separator.strip() not in joined:
            continue
        share = coverage(lines, separator)
        if share > best_share + 1e-9 and (share >= _HALF or separator == _ARROW):
            best, best_share = separator, share
    if best is not None:
        return best
    return next((sign for sign in _WEAK if sign in joined and _explains_all(lines, sign)), None)


def coverage(lines: Sequence[str], separator: str) -> float:
    """The share of lines that hold the separator, or are the first name of one that does; 0 where no line holds it."""
    if not lines:
        return 0.0
    with_it = [line for line in lines if _holds(line, separator)]
    if not with_it or len(with_it) == len(lines):
        return float(bool(with_it))
    heads = {line.split(separator, 1)[0].strip() for line in with_it}
    return (len(with_it) + sum(line.strip() in heads for line in lines if not _holds(line, separator))) / len(lines)


def split_names(line: str, separator: str) -> tuple[str, ...]:
    """The names of a path, tidied; blank names are kept, for the caller to refuse, but not at the ends of `/A/B/`."""
    if separator == _ARROW:
        return split_path(line)
    names = [tidy(name) for name in line.split(separator)]
    if separator in _SLASHES and len(names) > 1:
        names = names[1:] if not names[0] else names
        names = names[:-1] if not names[-1] and len(names) > 1 else names
    return tuple(names)


def _holds(line: str, separator: str) -> bool:
    if separator == _ARROW:
        return ">" in line and (separator in line or len(split_path(line)) > 1)
    return separator in line


def _explains_all(lines: Sequence[str], separator: str) -> bool:
    with_it = [line for line in lines if separator in line.strip(separator)]
    if len(with_it) < _MIN_WEAK_LINES or coverage(lines, separator) < _NEARLY_ALL:
        return False
    names = [[name.strip() for name in line.split(separator)] for line in with_it]
    roots = {each[0] for each in names}
    return all(all(each) for each in names) and len(roots) < len(names) and not all(root.isdigit() for root in roots)
