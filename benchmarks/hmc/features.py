"""From feature tables to what a network takes: standardised columns without gaps, and targets closed upward."""

from dataclasses import dataclass

import numpy as np
import torch
from arff import Table, TableError
from scipy.sparse import csr_array, vstack
from torch import Tensor

from classifier.outputs.sigmoid_max import closed_targets
from taxonomy import Hierarchy
from taxonomy.arrays import Floats, Ints

_ROUNDING = 1e-12  # a standard deviation below this share of the mean is a rounding error


@dataclass(frozen=True, slots=True)
class Scaler:
    """Column means and standard deviations (F,); that of a column which never changes is infinite, so it reads 0."""

    mean: Floats
    std: Floats

    @classmethod
    def fit(cls, features: Floats) -> "Scaler":
        """The scaler of features (S, F) without gaps."""
        mean, std = features.mean(axis=0), features.std(axis=0)
        return cls(mean, np.where(std > _ROUNDING * np.maximum(1.0, np.abs(mean)), std, np.inf))

    def __call__(self, features: Floats) -> Tensor:
        """(S, F) -> (S, F) float32."""
        return torch.from_numpy(((features - self.mean) / self.std).astype(np.float32))


@dataclass(frozen=True, eq=False)
class Rows:
    """features: (S, F) float32, standardised. targets: (S, N) boolean CSR, closed upward."""

    features: Tensor
    targets: csr_array

    def __len__(self) -> int:
        return len(self.features)

    def take(self, chosen: Ints) -> "Rows":
        """The rows at these positions."""
        return Rows(self.features[torch.from_numpy(chosen)], csr_array(self.targets[chosen]))

    def joined(self, other: "Rows") -> "Rows":
        """These rows, then the others."""
        targets = csr_array(vstack([self.targets, other.targets], format="csr"))
        return Rows(torch.cat([self.features, other.features]), targets)

    def dense_targets(self, chosen: Ints) -> Tensor:
        """(B, N) float32 targets of the rows at these positions."""
        return torch.from_numpy(self.targets[chosen].toarray().astype(np.float32))


def fill_missing(features: Floats, fallback: Floats | None = None) -> Floats:
    """(S, F) with each NaN as the mean of its column; a column of nothing but NaN takes `fallback` (F,), else 0."""
    missing = np.isnan(features)
    counts = (~missing).sum(axis=0)
    sums = np.where(missing, 0.0, features).sum(axis=0)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), 0.0 if fallback is None else fallback)
    return np.where(missing, means, features)


def require_same_columns(table: Table, other: Table) -> None:
    """Raise TableError unless both tables have the same attributes and classes."""
    if table.columns != other.columns:
        different = set(table.columns) ^ set(other.columns)
        named = f": {min(different)!r}, for one" if different else ", in another order"
        raise TableError(f"other attributes than {other.source} has{named}", source=table.source)
    if table.taxonomy != other.taxonomy:
        raise TableError(f"other classes than {other.source} has", source=table.source)


def training_rows(train: Table, valid: Table | None, hierarchy: Hierarchy) -> tuple[Scaler, Rows, Rows | None]:
    """Rows of both tables, each filled by its own means, both standardised by one scaler fitted on them together."""
    if valid is not None:
        require_same_columns(valid, train)
    tables = [train] if valid is None else [train, valid]
    filled = [fill_missing(table.features) for table in tables]
    scaler = Scaler.fit(np.concatenate(filled))
    rows = [
        Rows(scaler(part), closed_targets(table.labels, hierarchy)) for part, table in zip(filled, tables, strict=True)
    ]
    return scaler, rows[0], None if valid is None else rows[1]
