"""An evaluation as one HTML page: tables, pictures and the worst mistakes."""

from typing import TYPE_CHECKING

from taxonomy.lazy_names import lazy_names

if TYPE_CHECKING:
    from classifier.report.reporting import evaluate_with_report
    from classifier.report.writing import Evaluated, write_report
else:
    __getattr__ = lazy_names(
        __name__, {"reporting": ("evaluate_with_report",), "writing": ("Evaluated", "write_report")}
    )

__all__ = ["Evaluated", "evaluate_with_report", "write_report"]
