"""The fetcher: schemes, sources of others, and what messages do not show."""

import sys
import tomllib
from pathlib import Path

import pytest
from entry_points import install
from hostile_site import answer, fetcher, redirect, refusal, serving

from worker.errors import RetryableError
from worker.telemetry.redaction import redacted, shown

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "blob_source"


@pytest.mark.parametrize("uri", ["ftp://x/a", "a.jpg", "data:image/png;base64,AA", "s3://b/k", "FILES:///a", "", "://"])
def test_schemes_that_are_not_allowed(uri: str) -> None:
    """One line that says which are."""
    error = refusal(fetcher(), uri)
    assert error.code == "access_denied"
    assert "not of an allowed scheme (CLADIST_ASSET_SCHEMES: file, http, https)" in str(error)


@pytest.mark.parametrize(("scheme", "extra"), [("gs", "gcs"), ("az", "azure")])
def test_a_driver_that_is_not_installed(scheme: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that says what to install."""
    for module in ("gcsfs", "adlfs"):
        monkeypatch.setitem(sys.modules, module, None)
    error = refusal(fetcher(asset_schemes=scheme), f"{scheme}://bucket/key")
    assert error.code == "access_denied"
    assert f"pip install cladist[{extra}]" in str(error)


def test_an_allowed_scheme_without_a_source() -> None:
    error = refusal(fetcher(asset_schemes="dam"), "dam://x/a")
    assert (error.code, str(error)) == (
        "access_denied",
        "dam://x/a: no source for dam: is installed (entry point cladist.asset_sources)",
    )


def test_the_example_of_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/examples/blob_source, installed by the entry point that its pyproject.toml has."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    points = project["entry-points"]["cladist.asset_sources"]
    monkeypatch.syspath_prepend(str(EXAMPLE))
    install(tmp_path, monkeypatch, "cladist.asset_sources", *(f"{name} = {value}" for name, value in points.items()))
    monkeypatch.setenv("BLOB_FOLDER", str(tmp_path))
    digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    (tmp_path / "2c").mkdir()
    (tmp_path / "2c" / digest[2:]).write_bytes(b"hello")
    one = fetcher(asset_schemes="blob")
    assert one.fetch(f"blob://{digest}") == b"hello"
    (tmp_path / "2c" / digest[2:]).write_bytes(b"hallo")
    assert refusal(one, f"blob://{digest}").code == "unreadable_image"
    assert refusal(one, f"blob://{digest[::-1]}").code == "asset_not_found"
    assert refusal(one, "blob://../../etc/passwd").code == "asset_not_found"


def test_sources_of_others_are_held_to_the_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are held to the caps, their bugs cost the one asset, and those that cannot be made are a line."""
    points = "dam = outside_sources:Moody", "broken = outside_sources:Broken", "missing = nowhere:C"
    install(tmp_path, monkeypatch, "cladist.asset_sources", *points)
    one = fetcher(asset_schemes="dam,broken,missing", asset_max_bytes=100)
    assert one.fetch("dam://small") == b"xxx"
    assert refusal(one, "dam://large").code == "image_too_large"
    assert refusal(one, "dam://gone").code == "asset_not_found"
    with pytest.raises(RetryableError, match="dam://busy: later"):
        one.fetch("dam://busy")
    with pytest.raises(RetryableError, match="the source of dam: ZeroDivisionError: by zero") as caught:
        one.fetch("dam://bug")
    assert "secret" not in str(caught.value)
    assert "cannot be loaded: no configuration" in str(refusal(one, "broken://a"))
    assert "cannot be loaded: No module named 'nowhere'" in str(refusal(one, "missing://a"))


def test_the_total_time_holds_for_every_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "cladist.asset_sources", "slow = outside_sources:Slow")
    assert refusal(fetcher(asset_schemes="slow", fetch_total_s=0.05), "slow://a").code == "fetch_timeout"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("https://x/a.jpg", "https://x/a.jpg"),
        ("https://user:pw@x/a", "https://***@x/a"),
        ("https://user:p@ss:w@x/a@b", "https://***@x/a@b"),
        ("https://x/a?X-Amz-Signature=abc&n=1", "https://x/a?X-Amz-Signature=***&n=***"),
        ("https://x/a?token", "https://x/a?***"),
        ("https://x/a?sig=a#b=c", "https://x/a?sig=***"),
        ("https://x/a#token", "https://x/a#***"),
        ("failed: 'https://x/?k=v' and http://a:b@c/", "failed: 'https://x/?k=***' and http://***@c/"),
        ("https://x/?", "https://x/?"),
    ],
)
def test_no_secret_of_a_uri_is_shown(text: str, safe: str) -> None:
    assert redacted(text) == safe


def test_a_long_uri_leaves_room_for_what_is_wrong() -> None:
    assert len(shown("https://x/" + "a" * 3000)) < 250
    assert shown("https://x/a") == "https://x/a"


def test_no_secret_in_a_message(caplog: pytest.LogCaptureFixture) -> None:
    """Not of the address, not of a redirect, not in the log."""
    caplog.set_level(0)
    for name in ("httpcore2.http11", "httpcore2.connection"):
        caplog.set_level("INFO", name)
    with serving({"/404": answer(b"", 404), "/500": answer(b"", 500)}) as site:
        base = f"127.0.0.1:{site.port}"
        site.pages["/away"] = redirect("http://user:secret2@127.0.0.1/")
        site.pages["/private"] = redirect("http://127.0.0.2/?sig=secret3")
        for uri in (f"http://{base}/404?sig=secret1", f"http://{base}/away", f"http://{base}/private"):
            assert "secret" not in str(refusal(fetcher(), uri))
        with pytest.raises(RetryableError) as caught:
            fetcher().fetch(f"http://{base}/500?sig=secret1")
        assert "secret" not in str(caught.value)
        assert "secret" not in str(refusal(fetcher(), f"http://me:secret4@{base}/404"))
    assert "secret" not in caplog.text
