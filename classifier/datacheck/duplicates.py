"""Identical and nearly identical images: within a split, across splits, and under different labels."""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from classifier.data.manifest import Sample
from classifier.datacheck.findings import Finding
from classifier.datacheck.pictures import Pictures
from taxonomy.arrays import Ints
from taxonomy.errors import some_of

Hashes = NDArray[np.uint64]

MAX_DISTANCE = 6  # bits of 64 in which the hashes of near duplicates may differ
_BAND_COUNT, _BAND_BITS = 8, 8
_WAITING_PAIRS = 1_000_000  # before they are merged
_NAMED = 4  # images that one finding names


def duplicate_findings(samples: Sequence[Sample], pictures: Pictures) -> Iterator[Finding]:
    """Identical files and near duplicates, one finding for each group.

    A group is all images linked by steps of at most MAX_DISTANCE. One that spans splits leaks from one to the other;
    one that spans labels may hold a wrong label.
    """
    rows = np.flatnonzero(pictures.readable)
    splits = {split: number for number, split in enumerate(sorted({sample.split for sample in samples}))}
    split_of = np.array([splits[sample.split] for sample in samples], dtype=np.int64)
    same = _groups(np.unique(pictures.digests[rows], return_inverse=True)[1], rows)
    for group in same:
        yield from _identical(group, samples)
    for group in _groups(near_labels(pictures.hashes[rows]), rows):
        if len(np.unique(pictures.digests[group])) == 1:
            continue  # the same file: said above
        yield from _alike(group, samples, split_of)


def near_labels(hashes: Hashes, max_distance: int = MAX_DISTANCE) -> Ints:
    """(n,) a group number for each hash; hashes within `max_distance` bits of each other share theirs.

    Pairs are merged as they are found, so that memory stays flat however many images look alike.
    """
    if not len(hashes):
        return np.zeros(0, dtype=np.int64)
    unique, inverse = np.unique(hashes, return_inverse=True)
    labels: Ints = np.arange(len(unique), dtype=np.int64)
    waiting, count = [np.zeros((0, 2), dtype=np.int64)], 0
    for pairs in near_pairs(unique, max_distance):
        waiting.append(pairs)
        count += len(pairs)
        if count > _WAITING_PAIRS:
            labels = _merged(labels, np.concatenate(waiting))
            waiting, count = waiting[:1], 0
    return _merged(labels, np.concatenate(waiting))[inverse]


def near_pairs(unique: Hashes, max_distance: int = MAX_DISTANCE) -> Iterator[Ints]:
    """Yield (P, 2) arrays of pairs of distinct hashes that differ in at most `max_distance` (< 8) bits; pairs recur.

    Of the eight bytes of two such hashes at least 8 - max_distance agree: for every choice of so many bytes only the
    hashes that agree in them are compared. Source: multi-index hashing, Norouzi et al., CVPR 2012.
    """
    for bands in combinations(range(_BAND_COUNT), _BAND_COUNT - max_distance):
        mask = np.uint64(sum(((1 << _BAND_BITS) - 1) << (_BAND_BITS * band) for band in bands))
        yield from _pairs_sharing(unique & mask, unique, max_distance)


def _pairs_sharing(keys: Hashes, hashes: Hashes, max_distance: int) -> Iterator[Ints]:
    """The near pairs among hashes of equal key: each is compared with the next, the one after that, and so on."""
    order = np.argsort(keys, kind="stable")
    ends = np.searchsorted(keys[order], keys[order], side="right")  # (n,) where the run of each key ends
    starts = np.arange(len(order))
    step = 1
    while len(starts := starts[starts + step < ends[starts]]):
        left, right = order[starts], order[starts + step]
        near = np.bitwise_count(hashes[left] ^ hashes[right]) <= max_distance
        if near.any():
            yield np.stack([left[near], right[near]], axis=1)
        step += 1


def _merged(labels: Ints, pairs: Ints) -> Ints:
    """The group numbers (n,) after the groups of each pair were merged."""
    left, right = labels[pairs].T
    links = coo_array((np.ones(len(left), dtype=bool), (left, right)), shape=(len(labels), len(labels)))
    group_of: Ints = connected_components(links, directed=False)[1].astype(np.int64)
    return group_of[labels]


def _groups(labels: Ints, rows: Ints) -> list[Ints]:
    """The rows of each group of at least two, in order of their first row."""
    order = np.argsort(labels, kind="stable")
    cuts = np.flatnonzero(np.diff(labels[order])) + 1
    groups: list[Ints] = [rows[part] for part in np.split(order, cuts) if len(part) > 1]
    return sorted(groups, key=lambda group: int(group[0]))


def _identical(group: Ints, samples: Sequence[Sample]) -> Iterator[Finding]:
    splits = {samples[row].split for row in group}
    nodes = {samples[row].node_id for row in group}
    if len(nodes) > 1:
        what = f"the same image under {len(nodes)} labels: {', '.join(sorted(nodes)[:_NAMED])}"
        yield Finding("conflicting_labels", "error", _places(group, samples), what)
    if len(splits) > 1:
        what = f"the same image {len(group)} times, {_split_counts(group, samples)}"
        yield Finding("duplicate_across_splits", "error", _places(group, samples), what)
    elif len(nodes) == 1:
        yield Finding("duplicate", "note", _places(group, samples), f"the same image {len(group)} times")


def _alike(group: Ints, samples: Sequence[Sample], split_of: Ints) -> Iterator[Finding]:
    nodes, node_of = np.unique([samples[row].node_id for row in group], return_inverse=True)
    what = f"{len(group)} images look alike, {_split_counts(group, samples)}"
    if len(nodes) > 1:
        labels = f"{what}, under {len(nodes)} labels: {', '.join(nodes[:_NAMED])}"
        yield Finding("near_duplicate_labels_differ", "warning", _places(_spread(group, node_of), samples), labels)
    if len(np.unique(split_of[group])) > 1:
        where = _places(_spread(group, split_of[group]), samples)
        yield Finding("near_duplicate_across_splits", "warning", where, what)
    elif len(nodes) == 1:
        yield Finding("near_duplicate", "note", _places(group, samples), what)


def _spread(group: Ints, part_of: Ints) -> Ints:
    """The group with one image of each part first, so that the few that are named show what is wrong."""
    first = np.unique(part_of, return_index=True)[1]
    rest = np.setdiff1d(np.arange(len(group)), first)
    spread: Ints = group[np.concatenate([np.sort(first), rest])]
    return spread


def _split_counts(group: Ints, samples: Sequence[Sample]) -> str:
    splits = [samples[row].split for row in group]
    return ", ".join(f"{splits.count(split)} in {split}" for split in sorted(set(splits)))


def _places(group: Ints, samples: Sequence[Sample]) -> str:
    rows = (samples[row] for row in group)
    return some_of([f"line {row.line} ({row.split} {row.image.name})" for row in rows], _NAMED)
