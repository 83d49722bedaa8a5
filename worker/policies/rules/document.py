"""The policy document: what people write, checked by its shape alone. `read_policy` reads YAML; JSON is YAML too."""

import re
from datetime import time
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from taxonomy.formats.reading import read_text
from worker.policies.rules.errors import PolicyError
from worker.policies.rules.yaml_lines import Document, read_yaml
from worker.states import Action

MAX_RULES = 2000
_HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d) *- *([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
MAX_WHEN_CHARS = 2000
DEFAULT = "default"  # what the default is called where rules are named


def _plain(text: str) -> str:
    """The text itself. Raises ValueError on what no database or terminal takes as text."""
    if any(ord(sign) < ord(" ") or "\x7f" <= sign <= "\x9f" or "\ud800" <= sign <= "\udfff" for sign in text):
        raise ValueError(f"{text!r:.60} has a control character")
    return text


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, strip_whitespace=True),
    AfterValidator(_plain),
]
Probability = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
ValueType = Literal["int", "float", "bool", "string", "timestamp", "list[string]", "list[int]", "list[float]"]


def _listed(value: Any) -> Any:
    """One value as a list of it."""
    return [value] if isinstance(value, str) else value


Texts = Annotated[tuple[Text, ...], BeforeValidator(_listed), Field(min_length=1, max_length=1000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Then(_Part):
    """What is done: the action, for a review its queue, and what travels with it."""

    action: Action = Field(description="accept, reject or review.")
    queue: Name | None = Field(default=None, description="The review queue; of a review alone, which needs one.")
    collection: Text | None = Field(default=None, description="Where the asset goes.")
    priority: int = Field(default=0, ge=0, le=1000, description="Of a review: the highest is looked at first.")
    tags: Texts | None = Field(default=None, description="Words that travel with the asset.")

    @model_validator(mode="after")
    def _queue_of_reviews(self) -> Self:
        if (self.queue is None) == (self.action is Action.REVIEW):
            raise ValueError("a review needs a queue" if self.queue is None else f"{self.action} has no review queue")
        return self


class Labels(_Part):
    """Which nodes are decided, ancestors counting as decided with what lies below them."""

    any: Texts | None = Field(default=None, description="At least one of them is decided.")
    all: Texts | None = Field(default=None, description="All of them are decided.")
    none: Texts | None = Field(default=None, description="None of them is decided.")

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.any is None and self.all is None and self.none is None:
            raise ValueError("labels needs any, all or none")
        return self


class Hours(NamedTuple):
    """From a time of the day until another, which is not in it; over midnight where the first is the later."""

    start: time
    end: time

    def holds(self, at: time) -> bool:
        """Whether a time of the day lies between."""
        if self.start < self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end


def parse_hours(text: str) -> Hours:
    """HH:MM-HH:MM. Raises ValueError."""
    found = _HOURS.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r:.40} is not HH:MM-HH:MM")
    start_hour, start_minute, end_hour, end_minute = map(int, found.groups())
    hours = Hours(time(start_hour, start_minute), time(end_hour, end_minute))
    if hours.start == hours.end:
        raise ValueError(f"{text!r:.40} is not HH:MM-HH:MM, from one time to another")
    return hours


def _hours(text: str) -> str:
    parse_hours(text)
    return text


def _bound(high: float | None) -> float | None:
    """No confidence is more than 1: as a bound it says nothing."""
    return None if high == 1 else high


class If(_Part):
    """The structured conditions, all of which must hold."""

    under: Texts | None = Field(
        default=None, description="Nodes: the asset lies at or below one of them, by decision or by min_confidence."
    )
    level: int | None = Field(
        default=None, ge=1, le=10_000, description="The level that is looked at: of the decision, or of confidences."
    )
    min_confidence: Probability | None = Field(default=None, description="At least this calibrated probability.")
    max_confidence: Annotated[Probability | None, AfterValidator(_bound)] = Field(
        default=None, description="Less than this calibrated probability."
    )
    max_margin: Probability | None = Field(
        default=None, description="The best of its level is at most so much above the second."
    )
    unlike: bool | None = Field(default=None, description="Whether it looks like nothing in the taxonomy.")
    tenant: Texts | None = Field(default=None, description="Tenants.")
    between: Annotated[str, BeforeValidator(_hours)] | None = Field(
        default=None, description="Hours, such as 22:00-06:00, in the policy's time zone."
    )
    labels: Labels | None = Field(default=None, description="Nodes that are decided, where assets have several.")
    hash_list: Texts | None = Field(default=None, description="Lists of known content that hold it.")


class Rule(_Part):
    """A rule: what is done with assets for which all of it holds."""

    name: Text
    if_: If = Field(default=If(), alias="if")
    when: Annotated[str, StringConstraints(min_length=1, max_length=MAX_WHEN_CHARS)] | None = Field(
        default=None, description="CEL over the declared metadata; anything but true does not match."
    )
    then: Then


class AuditSample(_Part):
    """A share of the assets that no person would see goes to a review queue all the same."""

    share: float = Field(gt=0, le=1)
    queue: Name


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r:.60} is no time zone") from None
    if name == "localtime":  # another one on each machine
        raise ValueError("'localtime' is no time zone: name one")
    return name


class Policy(_Part):
    """A whole policy: rules in their order, of which the first that matches decides, and a default."""

    policy: Name = Field(description="The policy's name.")
    metadata: dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")], ValueType] = Field(
        default={}, description="The metadata that `when` may speak of, each with its type.", max_length=200
    )
    timezone: Annotated[str, AfterValidator(_zone)] = Field(
        default="UTC", description="Of `between`, such as Europe/Berlin."
    )
    thresholds: dict[Text, Probability] = Field(
        default={},
        description="The confidence that a decision at a node needs, and below it where no nearer node has one, to "
        "count as decided for `under` and `level`.",
    )
    default: Then
    rules: tuple[Rule, ...] = Field(default=(), max_length=MAX_RULES)
    audit: AuditSample | None = None

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone of `between`."""
        return ZoneInfo(self.timezone)


class PolicyDocument(NamedTuple):
    """A policy together with its text, and the lines that its rules stand in."""

    policy: Policy
    text: str
    source: str
    yaml: Document

    def rule_line(self, number: int) -> int | None:
        """The line of a rule by its number from 0."""
        return self.yaml.line(("rules", number))

    def line(self, *path: str | int) -> int | None:
        """The line of any part."""
        return self.yaml.line(path)

    def node_texts(self) -> list[str]:
        """What the policy calls nodes, each once, in the order of the text."""
        found: list[str] = list(self.policy.thresholds)
        for rule in self.policy.rules:
            labels = rule.if_.labels
            groups = () if labels is None else (labels.any, labels.all, labels.none)
            found += [text for group in (rule.if_.under, *groups) for text in group or ()]
        return list(dict.fromkeys(found))

    @property
    def sha256(self) -> str:
        """The hash of the text."""
        return sha256(self.text.encode()).hexdigest()


def read_policy(path: str | Path) -> PolicyDocument:
    """Read a policy file. Raises PolicyError, with line and rule, and TaxonomyError on a file that is no text."""
    return parse_policy(read_text(Path(path)), str(path))


def parse_policy(text: str, source: str) -> PolicyDocument:
    """The policy of a text. Raises PolicyError, with line and rule, on the first thing that is wrong."""
    document = read_yaml(text, source)
    if not isinstance(document.value, dict):
        raise PolicyError("a policy is a mapping that begins with `policy: NAME`", source=source, line=1)
    _refuse_blanks(document, source)
    try:
        policy = Policy.model_validate(document.value)
    except ValidationError as error:
        raise _first_error(error, document, source) from None
    except RecursionError:
        raise PolicyError("nested too deeply", source=source) from None
    _refuse_twins(policy, document, source)
    return PolicyDocument(policy, text, source, document)


def policy_schema() -> dict[str, Any]:
    """The JSON Schema of policy documents."""
    schema = Policy.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _first_error(error: ValidationError, document: Document, source: str) -> PolicyError:
    first = error.errors(include_url=False, include_context=False)[0]
    path = tuple(first["loc"])
    said = first["msg"].removeprefix("Value error, ")
    rule = _rule_name(document, path)
    where = ".".join(map(str, path if rule is None else path[2:]))
    kind = first["type"]
    if kind == "extra_forbidden":
        said = f"there is no {path[-1]!r:.60} here"
    elif kind == "missing":
        said = f"{path[-1]} is missing"
    elif where and not first["msg"].startswith("Value error"):
        said = f"{where:.120}: {said}"
    return PolicyError(said, rule=rule, source=source, line=document.line(path))


def _rule_name(document: Document, path: tuple[str | int, ...]) -> str | None:
    if len(path) < 2 or path[0] != "rules" or not isinstance(path[1], int):  # noqa: PLR2004 (rules, number)
        return None
    rule = document.value["rules"][path[1]]
    name = rule.get("name") if isinstance(rule, dict) else None
    return str(name) if name else f"number {path[1] + 1}"


def _refuse_blanks(document: Document, source: str) -> None:
    """A key of a rule without a value would be a condition that is not there."""
    rules = document.value.get("rules")
    for number, rule in enumerate(rules if isinstance(rules, list) else ()):
        pending: list[tuple[tuple[str | int, ...], Any]] = [(("rules", number), rule)]
        for path, value in pending:
            if value is None:
                message = f"{path[-1]} is blank"
                raise PolicyError(message, rule=_rule_name(document, path), source=source, line=document.line(path))
            pending += [((*path, key), each) for key, each in value.items()] if isinstance(value, dict) else []


def _refuse_twins(policy: Policy, document: Document, source: str) -> None:
    seen: dict[str, int] = {}
    for number, rule in enumerate(policy.rules):
        line = document.line(("rules", number))
        if rule.name == DEFAULT:
            raise PolicyError("a rule may not be named default", rule=rule.name, source=source, line=line)
        if rule.name in seen:
            first = document.line(("rules", seen[rule.name]))
            raise PolicyError(f"has the name of the rule in line {first}", rule=rule.name, source=source, line=line)
        seen[rule.name] = number
