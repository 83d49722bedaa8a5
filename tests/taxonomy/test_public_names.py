"""What `import taxonomy` offers, and what it leaves unloaded until it is asked for."""

import subprocess
import sys

import pytest

import taxonomy


def loaded(code: str) -> set[str]:
    """The heavy libraries that a fresh process has loaded after some code."""
    heavy = ("networkx", "numpy", "rdflib", "scipy", "torch", "yaml")
    code += f"; import sys; print(*[name for name in {heavy} if name in sys.modules])"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_every_public_name_is_there() -> None:
    """Those of `__all__`, and `release` is the function, whoever imports the module of that name."""
    assert all(getattr(taxonomy, name) is not None for name in taxonomy.__all__)
    assert callable(taxonomy.release)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = taxonomy.nothing  # type: ignore[attr-defined]  # what the test is about


def test_importing_it_is_light() -> None:
    """Errors, canonical JSON and releases need no library; a graph needs networkx; only arrays need scipy."""
    assert loaded("from taxonomy import CladistError, canonical_json") == set()
    assert loaded("from taxonomy import Node, Taxonomy, find_node, read_taxonomy") == {"networkx"}
    assert loaded("import taxonomy.release; from taxonomy import Hierarchy, release; release.__call__") <= {
        "networkx",
        "numpy",
        "scipy",
    }
