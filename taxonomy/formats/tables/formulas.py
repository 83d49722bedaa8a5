"""Cells that a spreadsheet would run as a formula: made harmless when written, and made whole again when read.

A cell whose first sign begins a formula, or makes a spreadsheet look behind it for one, gets a `'` in front, which
spreadsheets show as text. A cell that has the `'` already gets another: what is read is always what was written.

Source: OWASP, "CSV Injection".
"""

import re

_FORMULA = re.compile("'*(?:[\t\r\n]|\\s*[=+\\-@\uff1d\uff0b\uff0d\uff20])")  # the wide forms act in some languages


def guarded(cell: str) -> str:
    """The cell as it may stand in a table that a spreadsheet opens."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """What was written: the cell without the `'` that guards it."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
