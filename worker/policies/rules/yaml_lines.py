"""YAML, bounded, with the line of every value: what people write by hand, and are told about by line."""

from typing import Any, NamedTuple

import yaml

from taxonomy.errors import first_line
from worker.policies.rules.errors import PolicyError

MAX_BYTES = 1 << 20
MAX_DEPTH = 16
_NULLS = ("", "null", "Null", "NULL", "~")

Path = tuple[str | int, ...]


class Document(NamedTuple):
    """The value of a document, all scalars texts or None, and the line of each part by its path."""

    value: Any
    lines: dict[Path, int]

    def line(self, path: Path) -> int | None:
        """The line of a part, or of the nearest part around it that stands in the text."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None


def read_yaml(text: str, source: str) -> Document:
    """Read one YAML document. Raises PolicyError, with the line, on what is none, on aliases, and on a key said twice.

    It is read event by event, so that nothing is built of a document that is too deep or that multiplies itself.
    """
    if len(text) > MAX_BYTES:
        raise PolicyError(f"a policy of more than {MAX_BYTES} characters", source=source)
    try:
        builder = _Builder(source)
        for event in yaml.parse(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader)):
            builder.take(event)
        return builder.document()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        raise PolicyError(f"not YAML: {first_line(error):.120}", source=source, line=line) from None


class _Open(NamedTuple):
    """A list or mapping whose end is still to come."""

    path: Path
    value: list[Any] | dict[str, Any]


class _Builder:
    """Builds values event by event; the documents of the text are the items of a list around them."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._open = [_Open((), [])]
        self._keys: list[tuple[str, int] | None] = [None]  # of each open one, the key whose value is next, and its line
        self._lines: dict[Path, int] = {}

    def take(self, event: Any) -> None:
        """The next event. Raises PolicyError."""
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise self._error("an anchor or alias: write it out", event)
        if getattr(event, "tag", None):
            raise self._error(f"the tag {event.tag!r:.60}: values are what they look like", event)
        if isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
            self._keys.pop()
        elif isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)):
            if isinstance(self._open[-1].value, dict) and self._keys[-1] is None:
                self._keys[-1] = self._key(event, self._open[-1].value), _line(event)
            else:
                self._add(event)

    def document(self) -> Document:
        """What was built. Raises PolicyError."""
        found = self._open[0].value
        if len(found) > 1:
            raise PolicyError("several documents in one file", source=self._source)
        lines = {path[1:]: line for path, line in self._lines.items()}
        return Document(found[0] if isinstance(found, list) and found else None, lines)

    def _key(self, event: Any, inside: dict[str, Any]) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise self._error("a key that is a list or a mapping", event)
        if event.value in inside:
            raise self._error(f"{event.value!r:.60} is said twice", event)
        return str(event.value)

    def _add(self, event: Any) -> None:
        inside, key = self._open[-1], self._keys[-1]
        value = _value(event)
        if isinstance(inside.value, list):
            path: Path = (*inside.path, len(inside.value))
            self._lines[path] = _line(event)
            inside.value.append(value)
        elif key is not None:
            path = (*inside.path, key[0])
            self._lines[path] = key[1]
            inside.value[key[0]] = value
        self._keys[-1] = None
        if isinstance(event, yaml.CollectionStartEvent):
            if len(self._open) > MAX_DEPTH:
                raise self._error(f"nested more than {MAX_DEPTH} deep", event)
            self._open.append(_Open(path, value))
            self._keys.append(None)

    def _error(self, message: str, event: Any) -> PolicyError:
        return PolicyError(message, source=self._source, line=_line(event))


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _value(event: Any) -> Any:
    if isinstance(event, yaml.SequenceStartEvent):
        return []
    if isinstance(event, yaml.MappingStartEvent):
        return {}
    is_plain = event.implicit[0]
    return None if is_plain and event.value in _NULLS else event.value
