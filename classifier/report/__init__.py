"""An evaluation as one HTML page: tables, pictures and the worst mistakes."""

from classifier.report.reporting import evaluate_with_report
from classifier.report.writing import Evaluated, write_report

__all__ = ["Evaluated", "evaluate_with_report", "write_report"]
