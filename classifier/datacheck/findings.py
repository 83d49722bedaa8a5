"""What a check of the data finds: its kind, severity, place and a one-line description."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Finding:
    """An error spoils training or its figures; a warning may; a note is good to know."""

    kind: str
    severity: Severity
    where: str
    what: str


def counts(findings: Sequence[Finding]) -> dict[str, int]:
    """How many findings there are of each kind, the gravest kinds first."""
    found = Counter((SEVERITIES.index(finding.severity), finding.kind) for finding in findings)
    return {kind: count for (_, kind), count in sorted(found.items())}


def shortened(findings: Sequence[Finding], limit: int) -> list[Finding]:
    """The gravest first, at most `limit` (> 0) of a kind."""
    seen: Counter[str] = Counter()
    kept = []
    for finding in sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)):
        seen[finding.kind] += 1
        if seen[finding.kind] <= limit:
            kept.append(finding)
    return kept
