"""Fixtures of the taxonomy's tests: taxonomy files written on the spot, and the refusal they meet."""

from pathlib import Path

import pytest
from fixture_types import Read, Refusal
from hypothesis import HealthCheck, settings

from taxonomy import Taxonomy, TaxonomyError, read_taxonomy

settings.register_profile("cladist", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cladist")  # no test may depend on how busy the machine is


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a taxonomy file and read it: read(content, format_name=None)."""

    def write_and_read(content: str | bytes, format_name: str | None = None) -> Taxonomy:
        path = tmp_path / "taxonomy.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_taxonomy(path, format_name)

    return write_and_read


@pytest.fixture
def refusal(read: Read, tmp_path: Path) -> Refusal:
    """The message with which a file is refused, without the file's name, which it must begin with."""

    def message(content: str | bytes, format_name: str | None = None) -> str:
        with pytest.raises(TaxonomyError) as caught:
            read(content, format_name)
        source = f"{tmp_path / 'taxonomy.txt'}: "
        assert str(caught.value).startswith(source)
        return str(caught.value).removeprefix(source)

    return message
