"""Packages of somebody else, as pip would have installed them."""

from pathlib import Path

import pytest


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, group: str, *points: str) -> None:
    """Make entry points known, `name = module:attribute` each, until the test ends."""
    metadata = folder / "outside-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{group}]\n" + "\n".join(points) + "\n")
    monkeypatch.syspath_prepend(str(folder))
