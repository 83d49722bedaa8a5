"""The mapping file: what a statement of reasons says for which node, rule and action.

YAML. `defaults` hold for all; `actions` for an action; `nodes` for a node and all below it, the nearest first; `rules`
for a rule of a policy, which has the last word. All scalars are texts, so that NO is a country and No an answer.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from taxonomy import CladistError, TaxonomyError
from taxonomy.formats.json.yaml_text import load_yaml
from taxonomy.formats.text.decoding import read_text
from worker.audit.dsa.places import Place, Places, find_places
from worker.audit.dsa.schema import countries, wrong_with_fields

PLACEHOLDERS = ("node", "path", "level", "confidence", "model", "policy", "version", "rule")
TEMPLATES = ("decision_facts", "illegal_content_explanation", "incompatible_content_explanation")
Fields = Mapping[str, Any]  # of a statement, by their names there: texts, and lists of texts
NO_FIELDS: Fields = MappingProxyType({})
_MAX_CHARS = 1_000_000


class MappingFileError(CladistError):
    """A mapping file that cannot be used, or does not cover a record."""


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _countries(value: Any) -> Any:
    return (countries(value) or [value]) if isinstance(value, str) else value


_Texts = Annotated[list[str] | None, BeforeValidator(_listed)]


class StatementFields(BaseModel):
    """The fields of a statement that a mapping may set; the others come from the record."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    decision_visibility: _Texts = None
    decision_visibility_other: str | None = None
    decision_monetary: str | None = None
    decision_monetary_other: str | None = None
    decision_provision: str | None = None
    decision_account: str | None = None
    account_type: str | None = None
    decision_ground: str | None = None
    decision_ground_reference_url: str | None = None
    illegal_content_legal_ground: str | None = None
    illegal_content_explanation: str | None = None
    incompatible_content_ground: str | None = None
    incompatible_content_explanation: str | None = None
    incompatible_content_illegal: str | None = None
    content_type: _Texts = None
    content_type_other: str | None = None
    content_language: str | None = None
    category: str | None = None
    category_addition: _Texts = None
    category_specification: _Texts = None
    category_specification_other: str | None = None
    territorial_scope: Annotated[list[str] | None, BeforeValidator(_countries)] = None
    decision_facts: str | None = None
    source_type: str | None = None
    source_identity: str | None = None
    automated_detection: str | None = None
    automated_decision: str | None = None

    def as_fields(self) -> Fields:
        """What is set."""
        return self.model_dump(exclude_none=True)


class _Document(BaseModel):
    """The file as a whole; `reject` is a policy's own, `review` one that a person came to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    defaults: StatementFields = StatementFields()
    actions: dict[Literal["reject", "review"], StatementFields] = Field(default_factory=dict)
    nodes: dict[str, StatementFields] = Field(default_factory=dict)
    rules: dict[str, StatementFields] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DsaMapping:
    """A mapping that was read: the fields of each part, and where a node stands in the file."""

    source: str
    defaults: Fields
    actions: Mapping[str, Fields]
    nodes: Mapping[str, Fields]
    rules: Mapping[str, Fields]
    lines: Mapping[str, int]

    def refuse_node(self, node: str, why: str) -> MappingFileError:
        """An error that says where a node of the mapping stands."""
        return MappingFileError(f"nodes.{node:.80}: {why}", source=self.source, line=self.lines.get(node))


def read_mapping(path: Path) -> DsaMapping:
    """Read a mapping file. Raises MappingFileError, with the line, on anything wrong with it."""
    source = str(path)
    try:
        text = read_text(path)
        if len(text) > _MAX_CHARS:
            raise MappingFileError(f"a mapping of more than {_MAX_CHARS} characters", source=source)
        value = load_yaml(text, source)
        places = find_places(text, source)
    except TaxonomyError as error:  # it names file and line itself
        raise MappingFileError(str(error)) from None
    document = _document(value, source, places)
    for place, given in _parts(document):
        wrong = _wrong_with(given)
        if wrong is not None:
            field, _, why = wrong.partition(": ")
            raise _refused(source, places, (*place, field.partition("[")[0]), why)
    fields = {name: each.as_fields() for name, each in document.nodes.items()}
    return DsaMapping(
        source,
        document.defaults.as_fields(),
        {name: each.as_fields() for name, each in document.actions.items()},
        fields,
        {name: each.as_fields() for name, each in document.rules.items()},
        {name: places.line(("nodes", name)) for name in fields},
    )


def _document(value: Any, source: str, places: Places) -> _Document:
    try:
        return _Document.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise _refused(source, places, first["loc"], str(first["msg"])) from None


def _parts(document: _Document) -> Iterator[tuple[Place, StatementFields]]:
    yield ("defaults",), document.defaults
    for part, named in (("actions", document.actions), ("nodes", document.nodes), ("rules", document.rules)):
        for name, given in named.items():
            yield (part, name), given


def _wrong_with(given: StatementFields) -> str | None:
    fields = given.as_fields()
    for name in TEMPLATES:
        template = Template(fields.get(name, ""))
        if not template.is_valid():
            return f"{name}: a lone $; write $$ for the sign itself"
        unknown = [each for each in template.get_identifiers() if each not in PLACEHOLDERS]
        if unknown:
            return f"{name}: ${unknown[0]:.40} is none of {', '.join(f'${each}' for each in PLACEHOLDERS)}"
    return wrong_with_fields(fields)


def _refused(source: str, places: Places, place: Place, why: str) -> MappingFileError:
    where = ".".join(f"{part:.80}" if isinstance(part, str) else str(part) for part in place if part != "[key]")
    return MappingFileError(f"{where or 'the mapping'}: {why}", source=source, line=places.line(place))
