"""Assets in files: roots, links, and what is no file."""

import os
import socket
from pathlib import Path

import pytest
from hostile_site import fetcher, refusal

from worker.errors import RetryableError
from worker.fetch import files
from worker.fetch.fetcher import Fetcher


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a file inside, and a secret outside."""
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (tmp_path / "root" / "deep").mkdir(parents=True)
    (tmp_path / "root" / "a b.jpg").write_bytes(b"inside")
    (tmp_path / "root" / "deep" / "c.jpg").write_bytes(b"deep")
    return tmp_path / "root"


def fenced(root: Path) -> Fetcher:
    return fetcher(asset_roots=str(root))


@pytest.mark.parametrize(
    ("path", "content"),
    [("a%20b.jpg", b"inside"), ("deep/c.jpg", b"deep"), ("deep/../deep/./c.jpg", b"deep"), ("%64eep/c.jpg", b"deep")],
)
def test_files_inside_the_roots_are_read(root: Path, path: str, content: bytes) -> None:
    assert fenced(root).fetch(f"file://{root}/{path}") == content


@pytest.mark.parametrize(
    "path", ["../secret.jpg", "%2e%2e/secret.jpg", "deep/../../secret.jpg", "..%2fsecret.jpg", "../rootless.jpg"]
)
def test_files_outside_the_roots_are_denied(root: Path, path: str) -> None:
    """However it is spelt, and whether or not it is there."""
    assert refusal(fenced(root), f"file://{root}/{path}").code == "access_denied"


def test_links_that_lead_out(root: Path) -> None:
    """Files and folders, directly and by way of another link; a link within the root is none of them."""
    (root / "out.jpg").symlink_to(root.parent / "secret.jpg")
    (root / "up").symlink_to(root.parent)
    (root / "again.jpg").symlink_to(root / "out.jpg")
    (root / "in.jpg").symlink_to(root / "deep" / "c.jpg")
    one = fenced(root)
    assert [refusal(one, f"file://{root}/{name}").code for name in ("out.jpg", "up/secret.jpg", "again.jpg")] == [
        "access_denied"
    ] * 3
    assert one.fetch(f"file://{root}/in.jpg") == b"deep"


def test_a_root_that_is_a_link_itself(root: Path) -> None:
    (root.parent / "alias").symlink_to(root)
    assert fenced(root.parent / "alias").fetch(f"file://{root.parent}/alias/deep/c.jpg") == b"deep"


@pytest.mark.parametrize("swapped", ["deep", "deep/c.jpg"])
def test_a_link_put_there_after_the_check(root: Path, swapped: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between check and opening somebody swaps a folder or the file for a link: what was checked is what is read."""
    (root.parent / "c.jpg").write_bytes(b"secret")
    truly = files._place

    def swap_first(handle: int) -> Path:
        (root / swapped).rename(root / "was")
        (root / swapped).symlink_to(root.parent if swapped == "deep" else root.parent / "c.jpg")
        return truly(handle)

    monkeypatch.setattr(files, "_place", swap_first)
    assert fenced(root).fetch(f"file://{root}/deep/c.jpg") == b"deep"


def test_what_is_no_file(root: Path) -> None:
    """Folders, pipes, sockets and devices: refused at once, none of them waited for."""
    os.mkfifo(root / "pipe")
    one = fenced(root)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "socket"))
        for path in (root, root / "deep", root / "pipe", root / "socket", Path("/dev/zero"), Path("/dev/tty")):
            assert refusal(one, path.as_uri()).code == "access_denied"
            assert refusal(fetcher(), path.as_uri()).code == "access_denied"


@pytest.mark.parametrize("path", ["none.jpg", "none/a.jpg", "a%20b.jpg/c", "a%00b", "x" * 300])
def test_what_is_not_there(root: Path, path: str) -> None:
    for one in (fenced(root), fetcher()):
        assert refusal(one, f"file://{root}/{path}").code == "asset_not_found"


def test_links_in_a_circle(root: Path) -> None:
    (root / "a").symlink_to(root / "b")
    (root / "b").symlink_to(root / "a")
    for one in (fenced(root), fetcher()):
        assert refusal(one, f"file://{root}/a").code in ("access_denied", "asset_not_found")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(root: Path) -> None:
    (root / "a b.jpg").chmod(0)
    assert refusal(fenced(root), f"file://{root}/a%20b.jpg").code == "access_denied"


def test_exactly_the_allowed_bytes(root: Path) -> None:
    """Six bytes where six are allowed; one more is refused by its size, and so is a file that grows."""
    assert fetcher(asset_max_bytes=6).fetch(f"file://{root}/a%20b.jpg") == b"inside"
    assert refusal(fetcher(asset_max_bytes=5), f"file://{root}/a%20b.jpg").code == "image_too_large"
    assert refusal(fetcher(asset_max_bytes=5), "file:///proc/self/maps").code == "image_too_large"


def test_a_disk_that_fails_is_tried_again() -> None:
    """Nothing is mapped at the start of a process: there its memory, as a file, cannot be read."""
    with pytest.raises(RetryableError, match="Input/output error"):
        fetcher().fetch("file:///proc/self/mem")


def test_no_descriptor_is_left_open(root: Path) -> None:
    """Good and bad assets alike give back what they took."""
    one = fenced(root)
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert one.fetch(f"file://{root}/deep/c.jpg") == b"deep"
    for path in ("deep", "none.jpg", "none/none.jpg", "../secret.jpg"):
        refusal(one, f"file://{root}/{path}")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_name_that_is_not_utf8(root: Path) -> None:
    """Written in the URI byte by byte, as `submit` does."""
    path = Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.jpg"))
    path.write_bytes(b"latin")
    for one in (fenced(root), fetcher()):
        assert one.fetch(path.as_uri()) == b"latin"
