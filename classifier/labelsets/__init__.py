"""Multi-label mode: assets that carry any number of nodes.

An asset's label set is closed upward: it holds every ancestor of its nodes. Each node has a probability of its own, and
the nodes of at least the threshold are what is decided. Beside that an asset has a first answer, its best path, which
is judged against the nearest of its labels just as a single-label answer is.
"""

from classifier.labelsets.calibrating import calibrate_sets
from classifier.labelsets.decoding import SetDecoder
from classifier.labelsets.evaluation import evaluate_sets
from classifier.labelsets.model import LabelSetModel

__all__ = ["LabelSetModel", "SetDecoder", "calibrate_sets", "evaluate_sets"]
