"""Settings as the environment gives them."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from taxonomy import CladistError
from worker.settings import read_settings


def test_lists_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Separated by commas, folders as PATH is; blanks and capitals do not matter."""
    monkeypatch.setenv("CLADIST_ASSET_SCHEMES", "file, HTTPS,s3")
    monkeypatch.setenv("CLADIST_ASSET_HOSTS", "*.Example.com, x.test")
    monkeypatch.setenv("CLADIST_ASSET_NETWORKS", "10.0.0.0/8,fd00::/8")
    monkeypatch.setenv("CLADIST_ASSET_BUCKETS", "Photos")
    monkeypatch.setenv("CLADIST_ASSET_ROOTS", f"{tmp_path}:/srv")
    settings = read_settings()
    assert settings.asset_schemes == ("file", "https", "s3")
    assert settings.asset_hosts == ("*.example.com", "x.test")
    assert settings.asset_networks == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
    assert settings.asset_buckets == ("Photos",)
    assert settings.asset_roots == (tmp_path.resolve(), Path("/srv").resolve())


def test_defaults_are_careful() -> None:
    """Files and the public web; nothing with credentials, nothing private."""
    settings = read_settings()
    assert settings.asset_schemes == ("file", "http", "https")
    assert (settings.asset_hosts, settings.asset_networks, settings.asset_buckets) == ((), (), ())
    assert not settings.fetch_https_to_http


@pytest.mark.parametrize(
    ("name", "value"),
    [("CLADIST_ASSET_NETWORKS", "10.0.0.0/8,ten"), ("CLADIST_ASSET_NETWORKS", "10.0.0.1/8"),
     ("CLADIST_ASSET_MAX_BYTES", "0"), ("CLADIST_FETCH_TOTAL_S", "-1"), ("CLADIST_FETCH_READ_S", "soon")],
)  # fmt: skip
def test_a_bad_value_names_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(CladistError, match=rf"^{name}: .") as caught:
        read_settings()
    assert "\n" not in str(caught.value)
