"""Which bundles become active: those that answer."""

from pathlib import Path

import pytest
from fixture_types import MakeBundle
from safetensors.torch import load_file, save_file
from sqlalchemy import select

from classifier.bundles.bundle import Bundle
from classifier.errors import BundleError
from worker.db.engine import Database
from worker.db.tables import BundleRow
from worker.models.registration import add_bundle


def test_a_bundle_that_cannot_answer_leaves_the_active_one(
    database: Database, bundle: Bundle, make_bundle: MakeBundle, tmp_path: Path
) -> None:
    other = make_bundle(tmp_path / "other", seed=1)
    path = other.folder / "model.safetensors"
    save_file({name: tensor * float("nan") if tensor.is_floating_point() else tensor
               for name, tensor in load_file(path).items()}, path)  # fmt: skip
    with pytest.raises(BundleError, match="not finite"):
        add_bundle(database, other.folder)
    with database.read() as tx:
        assert list(tx.scalars(select(BundleRow.model))) == [bundle.model]
        assert list(tx.scalars(select(BundleRow.model).where(BundleRow.active))) == [bundle.model]
