"""YAML: the shapes that JSON has too, bounded in aliases, depth and size. All scalars are texts: NO is a country."""

import re
from typing import Any

from taxonomy.errors import TaxonomyError, first_line
from taxonomy.formats.json import mapping
from taxonomy.formats.json.coco import categories_of, taxonomy_of_categories
from taxonomy.formats.json.collection import find_entries, links
from taxonomy.formats.json.entries import taxonomy_of_value
from taxonomy.formats.protocol import TextFormat
from taxonomy.graph import Taxonomy

MAX_BYTES = 32 * 2**20
MAX_DEPTH = 1000
MAX_VALUES = 2_000_000  # with every alias written out
_SCORE, _WEAK_SCORE = 0.9, 0.65
_KEY_LINE = re.compile(r"^\s*(?:- +)*(?:[^\s#:\-\"'][^\n]*?|\"[^\"\n]*\"|'[^'\n]*'|\d+):(?:\s|$)")
_ITEM_LINE = re.compile(r"^\s*- ")


class YamlBoundError(TaxonomyError):
    """YAML that is deeper or larger, with its aliases written out, than any taxonomy."""


def detect(text: str) -> float:
    """Whether every line that counts is a key or an item, one at least a key, and the whole is a tree of names."""
    if text.lstrip()[:1] in ("{", "[", "<", "@", "") or len(text) > MAX_BYTES:
        return 0.0
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    keys = sum(bool(_KEY_LINE.match(line)) for line in lines)
    told = sum(bool(_KEY_LINE.match(line) or _ITEM_LINE.match(line)) for line in lines) + text.startswith("---")
    if not keys or told < 0.8 * len(lines):  # the rest: folded texts, document marks
        return 0.0
    try:
        value = load_yaml(text, "")
    except YamlBoundError:
        return _SCORE  # YAML without doubt, which `parse` refuses for what it is
    except TaxonomyError:
        return 0.3 if text.startswith(("---", "%YAML")) or told == len(lines) else 0.0
    entries = find_entries(value)
    if entries is not None:
        return _SCORE if any(links(entries)) else _WEAK_SCORE
    return _SCORE - 0.02 if mapping.score(value) else 0.0


def parse(text: str, source: str) -> Taxonomy:
    """Build the taxonomy. Raises TaxonomyError."""
    value = load_yaml(text, source)
    categories = categories_of(value)
    if categories is not None:
        return taxonomy_of_categories(categories, source)
    if find_entries(value) is not None:
        return taxonomy_of_value(value, source)
    return mapping.taxonomy_of_names(value, source)


def load_yaml(text: str, source: str) -> Any:
    """The value of the first YAML document, scalars as texts. Raises TaxonomyError, with the line."""
    import yaml  # noqa: PLC0415 (lazy: for such files alone)

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    if len(text) > MAX_BYTES:
        raise TaxonomyError(f"YAML of more than {MAX_BYTES} bytes", source=source)
    try:
        _refuse_bombs(yaml, text, loader, source)
        return _without_nulls(yaml.load(text, Loader=loader))  # noqa: S506 (a BaseLoader, which makes texts only)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        raise TaxonomyError(f"not YAML: {first_line(error):.80}", source=source, line=line) from None
    except (RecursionError, ValueError, TypeError):
        raise TaxonomyError("YAML nested too deeply, or with a value that is none", source=source) from None


def _refuse_bombs(yaml: Any, text: str, loader: Any, source: str) -> None:  # noqa: C901 (one branch an event)
    """Count what the document holds once every alias is written out, without building it. Raises TaxonomyError."""
    sizes: dict[str, int] = {}
    open_: list[tuple[str | None, int]] = [(None, 0)]
    for event in yaml.parse(text, Loader=loader):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise YamlBoundError(
                    f"the alias *{event.anchor:.40} holds itself, or nothing", source=source, line=line
                )
            open_[-1] = (open_[-1][0], open_[-1][1] + sizes[event.anchor])
        elif isinstance(event, yaml.CollectionStartEvent):
            open_.append((event.anchor, 1))
            sizes.pop(event.anchor, None)
            if len(open_) > MAX_DEPTH:
                raise YamlBoundError(f"YAML nested more than {MAX_DEPTH} levels deep", source=source, line=line)
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, size = open_.pop()
            if anchor:
                sizes[anchor] = size
            open_[-1] = (open_[-1][0], open_[-1][1] + size)
        elif isinstance(event, yaml.ScalarEvent):
            open_[-1] = (open_[-1][0], open_[-1][1] + 1)
            if event.anchor:
                sizes[event.anchor] = 1
        if open_[-1][1] > MAX_VALUES:
            raise YamlBoundError(
                f"YAML of more than {MAX_VALUES} values once its aliases are written out", source=source, line=line
            )


def _without_nulls(value: Any) -> Any:
    """The value with null for `null` and `~`; a blank stays, which is null in a mapping of names as well."""
    pending = [value]
    while pending:
        here = pending.pop()
        for key, each in list(
            here.items() if isinstance(here, dict) else enumerate(here if isinstance(here, list) else ())
        ):
            if each in ("null", "~", "Null", "NULL"):
                here[key] = None
            elif isinstance(each, (dict, list)):
                pending.append(each)
    return value


FORMAT = TextFormat("yaml", detect, parse)
