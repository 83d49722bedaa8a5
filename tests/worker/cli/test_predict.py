"""`cladist predict` over many files: folders, patterns, batches, and files that are none."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from command_line import Cladist
from fixture_types import MakeBundle
from PIL import Image

from worker.cli.model.pictures import BATCH_SIZE


@pytest.fixture
def photos(cladist: Cladist, make_bundle: MakeBundle) -> Path:
    """A bundle `b`, and a folder of more pictures than go in one batch, with a text among them."""
    make_bundle(cladist.folder / "b")
    folder = cladist.folder / "photos"
    (folder / "inner").mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(BATCH_SIZE + 2):
        name = f"inner/{number:02}.JPG" if number % 2 else f"{number:02}.png"
        image = Image.fromarray(random.integers(0, 255, (20, 24, 3), dtype=np.uint8))
        image.save(folder / name, "JPEG" if number % 2 else "PNG")
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_a_folder_is_all_its_pictures(cladist: Cladist, photos: Path) -> None:
    """One object a line on standard output, in the order of the names, each as when it is asked for alone."""
    found = [json.loads(line) for line in cladist.ok("predict", "b", "photos", "--json")]
    pictures = (path for path in photos.rglob("*") if path.suffix in {".JPG", ".png"})
    expected = sorted(path.relative_to(cladist.folder) for path in pictures)
    assert [one["asset"] for one in found] == list(map(str, expected))
    (alone,) = map(json.loads, cladist.ok("predict", "b", str(expected[-1]), "--json"))
    assert alone["levels"][0]["confidence"] == pytest.approx(found[-1]["levels"][0]["confidence"], abs=1e-4)


def test_patterns(cladist: Cladist, photos: Path) -> None:
    del photos
    found = [json.loads(line)["asset"] for line in cladist.ok("predict", "b", "photos/**/0[1-4].*", "--json")]
    assert found == ["photos/02.png", "photos/04.png", "photos/inner/01.JPG", "photos/inner/03.JPG"]
    assert "photos/*.gif: no image files" in cladist.refused("predict", "b", "photos/*.gif")


def test_a_bad_file_stops_no_other(cladist: Cladist, photos: Path) -> None:
    """Each is told in one line on standard error; the exit code is 1 at the end."""
    (photos / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 torn")
    done = cladist("predict", "b", "photos", "nowhere.png", "--json")
    assert done.returncode == 1
    assert len([json.loads(line) for line in done.stdout.splitlines()]) == BATCH_SIZE + 2
    told = [line for line in done.stderr.splitlines() if line.startswith("cladist: ")]
    assert [line.split(": ")[1] for line in told] == ["photos/torn.jpg", "nowhere.png"]


def test_marks_and_settings(cladist: Cladist, photos: Path) -> None:
    """A truncated picture is taken where the setting says so, and an animation says which frame it is."""
    whole = (photos / "00.png").read_bytes()
    (cladist.folder / "cut.png").write_bytes(whole[: len(whole) * 2 // 3])
    frames = [Image.open(photos / f"{number:02}.png") for number in (0, 2)]
    frames[0].save(cladist.folder / "moving.gif", save_all=True, append_images=frames[1:])
    assert cladist("predict", "b", "cut.png").returncode == 1
    done = cladist("predict", "b", "cut.png", "moving.gif", "00.png", "--json", CLADIST_PARTIAL_IMAGES="true")
    found = map(json.loads, done.stdout.splitlines())
    marks = [{key: one[key] for key in ("partial", "frame") if key in one} for one in found]
    assert marks == [{"partial": True}, {"frame": 1}]
    assert "frame: 1, of several" in "".join(cladist.ok("predict", "b", "moving.gif"))
    assert "more than 100 pixels" in cladist("predict", "b", "photos/00.png", CLADIST_IMAGE_MAX_PIXELS="100").stderr


def test_a_name_that_is_not_utf8(cladist: Cladist, photos: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    (photos / "00.png").rename(cladist.folder / name)
    (found,) = map(json.loads, cladist.ok("predict", "b", name, "--json"))
    assert found["asset"] == "caf\\xe9.png"
