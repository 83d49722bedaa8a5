"""Checks of labelled images before anyone trains on them."""

from classifier.datacheck.check import Check, check_labels
from classifier.datacheck.findings import Finding

__all__ = ["Check", "Finding", "check_labels"]
