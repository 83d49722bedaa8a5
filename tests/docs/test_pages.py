"""Every command and every line of Python that a page shows is run, or says why it is not."""

import csv
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pages import PAGES, ROOT, RUN, SHOWN, Block, blocks, page_name

from worker.cli.demo.figures import render_catalogue
from worker.cli.demo.tour import FIGURES_CONFIG, take_tour

RUN_PAGES = [page for page in PAGES if any(block.is_run for block in blocks(page))]
_IMAGES_A_LEAF = {"train": 2, "val": 4, "test": 1}
PRELOADED = ROOT / "tests" / "support" / "preloaded_cladist.py"


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make demo` leaves behind, from few images and one epoch."""
    folder = tmp_path_factory.mktemp("pages") / "cladist-demo"
    labels = render_catalogue(folder / "figures", per_leaf=_IMAGES_A_LEAF)
    take_tour(labels, None, folder, FIGURES_CONFIG.model_copy(update={"epochs": 1, "target_accuracy": 0.5}))
    return folder


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a `cladist` that is loaded already: pages have dozens of commands."""
    path = tmp_path_factory.mktemp("server") / "cladist"
    given = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1"}
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        number = listening.fileno()
        command = [sys.executable, str(PRELOADED), "serve", str(number)]
        with subprocess.Popen(command, env={**os.environ, **given}, pass_fds=[number]) as process:
            listening.close()  # a caller is refused, and does not wait, where the server has ended
            yield path
            process.terminate()


@pytest.fixture
def folder(demo: Path, server: Path, tmp_path: Path) -> Path:
    """A reader's folder: the demo's, a bundle and a labels.csv of one's own, two images, a manifest, and `cladist`."""
    shutil.copytree(demo, tmp_path / "cladist-demo")
    shutil.copytree(demo / "bundle", tmp_path / "bundle")
    shutil.copytree(demo / "figures", tmp_path, dirs_exist_ok=True)
    images = sorted((tmp_path / "images").rglob("test-*.jpg"))
    for name, image in zip(("figure.jpg", "photo.jpg"), images, strict=False):
        shutil.copy(image, tmp_path / name)
    with (tmp_path / "assets.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("uri",), *((str(image),) for image in images[:3])])
    (tmp_path / "commands").mkdir()
    write_command(tmp_path / "commands" / "cladist", f'exec {sys.executable} -S -E {PRELOADED} call {server} "$@"')
    write_command(tmp_path / "commands" / "python", f'exec {sys.executable} "$@"')
    return tmp_path


def write_command(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def shell_lines(block: Block, folder: Path) -> Iterator[str]:
    """The block as lines for bash; Python becomes a file of its own."""
    yield f"echo '== line {block.line}' >&2"
    if block.language == "python":
        file = folder / f"line_{block.line}.py"
        file.write_text(block.text)
        yield f"python {file.name}"
    elif block.language == "console":
        yield from (line[2:] for line in block.text.splitlines() if line.startswith("$ "))
    else:
        yield block.text


def environment(folder: Path) -> dict[str, str]:
    given = {name: value for name, value in os.environ.items() if not name.startswith("CLADIST_")}
    paths = {"PATH": f"{folder / 'commands'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    return {**given, **paths, "OMP_NUM_THREADS": "1"}


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("page", RUN_PAGES, ids=page_name)
def test_what_a_page_shows_works(page: Path, folder: Path) -> None:
    """All its blocks in order, in one shell; the first that fails ends it."""
    lines = ["set -euo pipefail"]
    for block in blocks(page):
        if block.is_run:
            lines += shell_lines(block, folder)
    done = subprocess.run(
        ["bash", "-c", "\n".join(lines)], cwd=folder, env=environment(folder), capture_output=True, text=True,
        check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, f"{page_name(page)}: {done.stderr[-3000:]}"


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_block_says_what_it_is(page: Path) -> None:
    """No block escapes by having no language, and no mark stands before a block that is never run."""
    for block in blocks(page):
        assert block.language in RUN | SHOWN, f"{page_name(page)}:{block.line}"
        assert not (block.skipped and block.language in SHOWN), f"{page_name(page)}:{block.line}"
