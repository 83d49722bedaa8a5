"""The public interface: every declared name is there, and torch is loaded only by what needs it."""

import subprocess
import sys

import pytest

import classifier


def test_every_public_name_is_there() -> None:
    assert all(getattr(classifier, name) is not None for name in classifier.__all__)
    assert set(classifier.__all__) <= set(dir(classifier))
    assert len(set(classifier.__all__)) == len(classifier.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'classifier' has no attribute 'nonesuch'"):
        _ = classifier.nonesuch  # type: ignore[attr-defined]  # what the test is about


@pytest.mark.parametrize("module", ["classifier", "classifier.config", "classifier.errors"])
def test_what_needs_no_torch_loads_none(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules or 'lightning' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
