"""Hierarchical metrics: plain functions on arrays of node positions, all for DAGs. No files, no model.

overlap: precision, recall and F1 of ancestors. distance: how far off a mistake is.
operating_curve: accuracy against information.
"""

from taxonomy.metrics.distance import hierarchical_distance, lca_distances, lca_heights, mistake_severity
from taxonomy.metrics.operating_curve import OperatingCurve, operating_curve
from taxonomy.metrics.overlap import (
    Overlap,
    common_ancestors,
    hierarchical_f1,
    is_ancestor_or_self,
    overlap,
    overlap_of_sets,
    reduce_rows,
)

__all__ = [
    "OperatingCurve",
    "Overlap",
    "common_ancestors",
    "hierarchical_distance",
    "hierarchical_f1",
    "is_ancestor_or_self",
    "lca_distances",
    "lca_heights",
    "mistake_severity",
    "operating_curve",
    "overlap",
    "overlap_of_sets",
    "reduce_rows",
]
