"""What `import worker` gives, and what it does not load."""

import subprocess
import sys

import pytest

import worker

HEAVY = ("torch", "sqlalchemy", "celery", "pydantic")


def test_every_public_name_is_there() -> None:
    """Each resolves to the object of that name in its own module."""
    for name in worker.__all__:
        assert getattr(worker, name).__name__ == name
    assert set(worker.__all__) <= set(dir(worker))


def test_another_name_is_no_attribute() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        worker.nothing  # type: ignore[attr-defined]  # what the test is about  # noqa: B018 (to look it up is the test)


def test_importing_the_package_loads_nothing_heavy() -> None:
    """Nor does a name of a light module: states and errors."""
    program = (
        "import sys, worker; worker.Status, worker.DatabaseError; "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
