"""What can be wrong with a policy."""

from dataclasses import dataclass
from typing import Any

from taxonomy import CladistError


class PolicyError(CladistError):
    """A policy document that breaks a rule; `rule` names the rule of the document that is wrong, if it is one."""

    def __init__(self, message: str, *, rule: str | None = None, **place: Any) -> None:
        super().__init__(message, **place)
        self.rule = rule

    def __str__(self) -> str:
        text = super().__str__()
        return text.replace(self.message, f"rule {self.rule!r:.80}: {self.message}") if self.rule else text


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong, or odd, in one rule of a document, at its line there; rule None: of no rule alone."""

    rule: str | None
    line: int | None
    message: str

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"rule": self.rule, "line": self.line, "message": self.message}
