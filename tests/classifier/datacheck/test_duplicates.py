"""Near duplicates: every near pair is found, without comparing all with all; copies are told from likenesses."""

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier.data.manifest import Sample
from classifier.datacheck.duplicates import duplicate_findings, near_labels, near_pairs
from classifier.datacheck.findings import Finding
from classifier.datacheck.pictures import perceptual_hash, survey


def scene(seed: int) -> Image.Image:
    """A picture of soft shapes, as different from another as two photographs are."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 255, (7, 9, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((360, 280), Image.Resampling.BICUBIC)


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., list[Finding]]:
    """check((image, node, split), ...): the findings of images written in order, from line 2 on."""

    def run(*rows: tuple[Image.Image, str, str]) -> list[Finding]:
        samples = []
        for number, (image, node, split) in enumerate(rows):
            path = tmp_path / f"{number}.png"
            image.save(path)
            samples.append(Sample(path, (node,), split, 1.0, 2 + number))
        return list(duplicate_findings(samples, survey([sample.image for sample in samples])))

    return run


def hashes_near(random: np.random.Generator, count: int, flips: int) -> np.ndarray:
    """Random hashes, each with a neighbour of exactly `flips` bits away."""
    first = random.integers(0, 2**64, count, dtype=np.uint64)
    masks = [sum(1 << int(bit) for bit in random.choice(64, flips, replace=False)) for _ in range(count)]
    return np.unique(np.concatenate([first, first ^ np.array(masks, dtype=np.uint64)]))


def pairs_of(hashes: np.ndarray, max_distance: int) -> np.ndarray:
    """The near pairs, each once, in order."""
    found = [np.zeros((0, 2), dtype=np.int64), *near_pairs(hashes, max_distance)]
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


@pytest.mark.parametrize("max_distance", [1, 4, 6, 7])
@pytest.mark.parametrize("flips", [1, 4, 6, 7, 8])
def test_all_near_pairs_are_found_and_no_other(max_distance: int, flips: int) -> None:
    """Held against comparing all with all."""
    hashes = hashes_near(np.random.default_rng(flips), 150, flips)
    distances = np.bitwise_count(hashes[:, None] ^ hashes[None, :])
    expected = np.argwhere(np.triu(distances <= max_distance, 1))
    assert pairs_of(hashes, max_distance).tolist() == expected.tolist()
    assert bool(len(expected)) == (flips <= max_distance)


def test_a_hundred_thousand_hashes_take_seconds() -> None:
    """All with all would be five thousand million comparisons."""
    hashes = hashes_near(np.random.default_rng(0), 50_000, 6)
    started = time.process_time()
    assert len(pairs_of(hashes, 6)) == 50_000
    assert time.process_time() - started < 10


def test_a_great_many_likenesses_fit_in_memory() -> None:
    """Two thousand hashes within four bits of one another make millions of pairs, merged as they come."""
    random = np.random.default_rng(1)
    bits = [sum(1 << int(bit) for bit in random.choice(64, 2, replace=False)) for _ in range(20_000)]
    hashes = np.unique(np.array(bits, dtype=np.uint64) ^ np.uint64(0x0123456789ABCDEF))
    others = np.random.default_rng(2).integers(0, 2**64, 2_000, dtype=np.uint64)
    tracemalloc.start()
    labels = near_labels(np.concatenate([hashes, others]))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(hashes) > 1900
    assert len(set(labels[: len(hashes)].tolist())) == 1
    assert len(set(labels.tolist())) == 2001
    assert peak_bytes < 200e6


def test_groups_are_chains_of_near_hashes() -> None:
    """0, 4 and 8 bits set: the ends are linked through the middle; equal hashes share a group."""
    labels = near_labels(np.array([0x00, 0x0F, 0xFF, 0x00, 0xFFFF << 40], dtype=np.uint64))
    assert labels[0] == labels[1] == labels[2] == labels[3] != labels[4]
    assert near_labels(np.zeros(0, dtype=np.uint64)).tolist() == []


def test_a_scaled_and_recompressed_copy_has_almost_the_same_hash() -> None:
    """And another scene a very different one."""
    one, other = scene(1), scene(2)
    distance = (perceptual_hash(one) ^ perceptual_hash(one.resize((150, 120)))).bit_count()
    assert distance <= 4
    assert (perceptual_hash(one) ^ perceptual_hash(other)).bit_count() > 12


def test_blank_images_are_alike_whatever_their_colour() -> None:
    """The hash of nothing is not noise."""
    hashes = {
        perceptual_hash(Image.new("RGB", size, colour)) for size, colour in [((50, 40), "red"), ((64, 64), "white")]
    }
    assert len(hashes) == 1


def test_no_duplicates(check: Callable[..., list[Finding]]) -> None:
    """Different scenes give no finding."""
    assert check(*((scene(seed), "a", "train") for seed in range(8))) == []


def test_the_same_file_in_two_splits(check: Callable[..., list[Finding]]) -> None:
    """An error that names lines and splits, once."""
    (finding,) = check((scene(1), "a", "train"), (scene(2), "a", "train"), (scene(1), "a", "test"))
    assert (finding.kind, finding.severity) == ("duplicate_across_splits", "error")
    assert finding.where == "line 2 (train 0.png), line 4 (test 2.png)"
    assert finding.what == "the same image 2 times, 1 in test, 1 in train"


def test_the_same_file_under_two_labels(check: Callable[..., list[Finding]]) -> None:
    """At most one of them is right."""
    (finding,) = check((scene(1), "a", "train"), (scene(1), "b", "train"))
    assert (finding.kind, finding.severity) == ("conflicting_labels", "error")
    assert finding.what == "the same image under 2 labels: a, b"


def test_the_same_file_twice(check: Callable[..., list[Finding]]) -> None:
    """Within one split it only weighs double."""
    (finding,) = check((scene(1), "a", "train"), (scene(1), "a", "train"))
    assert (finding.kind, finding.severity) == ("duplicate", "note")


def test_a_copy_in_another_split(check: Callable[..., list[Finding]]) -> None:
    """Scaled, so that the bytes differ: the leak is among the few lines that are named."""
    copies = [scene(1).resize((360 - 20 * number, 280 - 15 * number)) for number in range(7)]
    rows = [(copy, "a", "train") for copy in copies[:6]]
    (finding,) = check(*rows, (copies[6], "a", "val"))
    assert (finding.kind, finding.severity) == ("near_duplicate_across_splits", "warning")
    assert finding.where.startswith("line 2 (train 0.png), line 8 (val 6.png)")
    assert finding.where.endswith("and 3 more")
    assert finding.what == "7 images look alike, 6 in train, 1 in val"


def test_copies_under_different_labels(check: Callable[..., list[Finding]]) -> None:
    """Worth a look, whatever the split."""
    kinds = [finding.kind for finding in check((scene(1), "a", "train"), (scene(1).resize((180, 140)), "b", "test"))]
    assert kinds == ["near_duplicate_labels_differ", "near_duplicate_across_splits"]


def test_copies_in_one_split(check: Callable[..., list[Finding]]) -> None:
    (finding,) = check((scene(1), "a", "test"), (scene(1).resize((180, 140)), "a", "test"))
    assert (finding.kind, finding.severity) == ("near_duplicate", "note")
