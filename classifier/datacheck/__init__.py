"""Checks of labelled images before anyone trains on them."""

from typing import TYPE_CHECKING

from taxonomy.lazy_names import lazy_names

if TYPE_CHECKING:
    from classifier.datacheck.check import Check, check_labels
    from classifier.datacheck.findings import Finding
else:
    __getattr__ = lazy_names(__name__, {"check": ("Check", "check_labels"), "findings": ("Finding",)})

__all__ = ["Check", "Finding", "check_labels"]
