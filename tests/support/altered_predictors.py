"""Predictors that do one thing otherwise than the real ones."""

from collections.abc import Callable

from classifier.inference.predictor import Predictor
from worker.db.engine import Database
from worker.models.predictors import Predictors


class AlteredPredictor(Predictor):
    """A whole predictor under another class: what a subclass does not define is the real thing."""

    def __init__(self, whole: Predictor) -> None:
        vars(self).update(vars(whole))


class AlteredPredictors(Predictors):
    """The loaded bundles of a process, each altered once."""

    def __init__(self, database: Database, alter: Callable[[Predictor], AlteredPredictor]) -> None:
        super().__init__(database)
        self._alter = alter
        self._altered: dict[Predictor, AlteredPredictor] = {}

    def get(self, bundle_id: int) -> Predictor:
        """The same altered predictor for as long as the bundle stays loaded."""
        whole = super().get(bundle_id)
        return self._altered.get(whole) or self._altered.setdefault(whole, self._alter(whole))
