"""The pages of the documentation, and the fenced blocks in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")] + [*DOCS.rglob("*.md")]
)
RUN = {"sh", "python", "console"}
SHOWN = {"text", "csv", "json", "yaml", "toml"}  # never run

_MARK = re.compile(r"<!-- not run: (?P<reason>.*) -->")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its line in the page, its language, its text, and why it is not run ("" where it is)."""

    line: int
    language: str
    text: str
    skipped: str

    @property
    def is_run(self) -> bool:
        """Whether the tests run it."""
        return self.language in RUN and not self.skipped


def page_name(page: Path) -> str:
    """The page as messages name it."""
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> Iterator[Block]:
    """Every fenced block of a page, in order."""
    lines = page.read_text(encoding="utf-8").splitlines()
    opened, reason, text = 0, "", list[str]()
    for number, line in enumerate(lines, 1):
        if opened and line == "```":
            yield Block(opened, lines[opened - 1].removeprefix("```").strip(), "\n".join(text) + "\n", reason)
            opened, text = 0, []
        elif opened:
            text.append(line)
        elif line.startswith("```"):
            mark = _MARK.fullmatch(lines[number - 2])
            opened, reason = number, mark["reason"].strip() if mark else ""


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
