"""labels.csv: which image carries which node, in which split."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import networkx as nx
from scipy.sparse import csr_array

from classifier.errors import ContradictionError, ManifestError, MissingImageError, UnknownNodeError
from taxonomy import Hierarchy, Taxonomy, TaxonomyError, find_node
from taxonomy.errors import located
from taxonomy.formats.folder import labels_of_folder
from taxonomy.formats.reading import read_text
from taxonomy.formats.tables.labels_csv import read_rows
from taxonomy.graph import split_path

SPLITS = ("train", "val", "test")
SEVERAL = "|"  # joins the nodes of one image in multi-label mode


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled image; `line` is its row in the manifest, `weight` scales its loss.

    node_ids: one, and in multi-label mode any number from one up.
    """

    image: Path
    node_ids: tuple[str, ...]
    split: str
    weight: float
    line: int

    @property
    def node_id(self) -> str:
        """Its label as the manifest has it: the node, or several joined by `|`."""
        return SEVERAL.join(self.node_ids)


@dataclass(frozen=True)
class Manifest:
    """The samples of one labels.csv, in file order."""

    source: str
    samples: tuple[Sample, ...]

    def split(self, name: str) -> tuple[Sample, ...]:
        """The samples of one split. Raises ManifestError when it has none."""
        found = self._by_split.get(name, ())
        if not found:
            raise ManifestError(f"the split {name!r} has no samples", source=self.source)
        return tuple(found)

    def has_split(self, name: str) -> bool:
        """Whether the split has a sample."""
        return name in self._by_split

    @cached_property
    def _by_split(self) -> Mapping[str, list[Sample]]:
        grouped: dict[str, list[Sample]] = {}
        for sample in self.samples:
            grouped.setdefault(sample.split, []).append(sample)
        return grouped


def read_manifest(
    path: str | Path, taxonomy: Taxonomy, images: Path | None = None, *, multi_label: bool = False
) -> Manifest:
    """Read a labels file against a taxonomy; image paths are relative to `images`, by default to the file's folder.

    The file is a labels.csv, a COCO or Label Studio export, or a folder of folders of images. With `multi_label` a row
    may carry several nodes, joined by `|`, and the rows of one image are one sample. Raises ManifestError, naming
    the line, on a missing
    header, a node or path that the taxonomy does not have, an unknown split, a bad weight, and an image that is missing
    or lies outside that folder.
    """
    path = Path(path)
    root = _root(path, images)
    try:
        samples = tuple(_samples(_rows(path), str(path), root, taxonomy, multi_label=multi_label))
        return Manifest(str(path), _merged(samples) if multi_label else samples)
    except TaxonomyError as error:
        raise ManifestError.of(error) from None


def inspect_manifest(
    path: str | Path, taxonomy: Taxonomy, images: Path | None = None, *, multi_label: bool = False
) -> tuple[Manifest, tuple[ManifestError, ...]]:
    """Read a labels.csv as `read_manifest` does, but skip bad rows: the good rows, and the errors of the others.

    Raises ManifestError when the file itself cannot be read.
    """
    path = Path(path)
    root = _root(path, images)
    samples: list[Sample] = []
    errors: list[ManifestError] = []
    try:
        for numbered in _rows(path):
            try:
                samples.extend(_samples(iter([numbered]), str(path), root, taxonomy, multi_label=multi_label))
            except ManifestError as error:
                errors.append(error)
    except TaxonomyError as error:
        raise ManifestError.of(error) from None
    return Manifest(str(path), _merged(samples) if multi_label else tuple(samples)), tuple(errors)


def label_positions(samples: Sequence[Sample], hierarchy: Hierarchy) -> list[int]:
    """The position of each sample's one node in the hierarchy."""
    return [hierarchy.position(sample.node_id) for sample in samples]


def carried_nodes(samples: Sequence[Sample], hierarchy: Hierarchy) -> csr_array:
    """(S, N) boolean CSR: in each row the nodes of a sample and all their ancestors."""
    return hierarchy.closed([[hierarchy.position(node_id) for node_id in sample.node_ids] for sample in samples])


def _root(path: Path, images: Path | None) -> Path:
    return (images or (path if path.is_dir() else path.parent)).resolve()


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    return labels_of_folder(path) if path.is_dir() else read_rows(read_text(path), str(path))


def _merged(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """One sample for all rows of an image in a split: the nodes of all, line and weight of the first."""
    found: dict[tuple[Path, str], Sample] = {}
    for sample in samples:
        known = found.setdefault((sample.image, sample.split), sample)
        if known is not sample:
            nodes = tuple(dict.fromkeys((*known.node_ids, *sample.node_ids)))
            found[sample.image, sample.split] = replace(known, node_ids=nodes)
    return tuple(found.values())


def _samples(
    rows: Iterator[tuple[int, Mapping[str, str]]], source: str, root: Path, taxonomy: Taxonomy, *, multi_label: bool
) -> Iterator[Sample]:
    known: dict[tuple[str, str, str], tuple[str, ...]] = {}
    for line, row in rows:
        with located(source, line):
            label = (row.get("node", "").strip(), row.get("path", "").strip(), row.get("label", "").strip())
            if label not in known:
                known[label] = _one_answer(*label, taxonomy, multi_label=multi_label)
                _require_terminals(known[label], taxonomy)
            split = row.get("split", "").strip() or "train"
            if split not in SPLITS:
                raise ManifestError(f"unknown split {split!r}; known: {', '.join(SPLITS)}")
            sample = Sample(_image(row["image"].strip(), root), known[label], split, _weight(row), line)
        yield sample


def _require_terminals(node_ids: Sequence[str], taxonomy: Taxonomy) -> None:
    """Raise UnknownNodeError on a node that no answer can lead to: it and all below it are deprecated."""
    for node_id in node_ids:
        if not any(map(taxonomy.is_terminal, nx.dfs_preorder_nodes(taxonomy.graph, node_id))):
            raise UnknownNodeError(f"the node {node_id!r} is deprecated: no image can be labelled with it")


def _one_answer(node: str, path: str, label: str, taxonomy: Taxonomy, *, multi_label: bool) -> tuple[str, ...]:
    """The nodes of a row, whose columns must agree; a label is the id, the path or the name of a node."""
    if label and not (node or path):
        try:
            return (taxonomy[label].id if label in taxonomy else find_node(taxonomy, label).id,)
        except TaxonomyError as error:
            if SEVERAL in label:
                return _node_ids(label, "", taxonomy, multi_label=multi_label)
            raise UnknownNodeError(str(error)) from None
    found = _node_ids(node, path, taxonomy, multi_label=multi_label)
    if node and path:
        other = _node_ids("", path, taxonomy, multi_label=multi_label)
        if not set(other) <= set(found):
            raise ContradictionError(f"the node {node!r} and the path {path!r} are not the same")
    return found


def _node_ids(node: str, path: str, taxonomy: Taxonomy, *, multi_label: bool) -> tuple[str, ...]:
    if not node and not path:
        raise ManifestError("neither a node nor a path")
    several = [part.strip() for part in node.split(SEVERAL)] if SEVERAL in node and node not in taxonomy else [node]
    if len(several) > 1 and not multi_label:
        raise ManifestError(f"several nodes {node!r} need the multi-label mode; this one is single-label")
    if len(several) > 1 and not all(several):
        raise ManifestError(f"a blank node in {node!r}")
    try:
        if not node:
            return (taxonomy.find_path(split_path(path)).id,)
        return tuple(dict.fromkeys(taxonomy[part].id for part in several))
    except TaxonomyError as error:
        raise UnknownNodeError(str(error)) from None


def _image(name: str, root: Path) -> Path:
    if not name:
        raise ManifestError("blank image name")
    try:
        image = (root / name).resolve()
        is_file = image.is_file()
    except (OSError, RuntimeError) as error:  # a name too long, a link to itself
        raise ManifestError(f"image {name[:60]!r}: {error}") from None
    if not image.is_relative_to(root):
        raise ManifestError(f"{name!r} lies outside {root}")
    if not is_file:
        raise MissingImageError(f"no image {name!r} in {root}")
    return image


def _weight(row: Mapping[str, str]) -> float:
    text = row.get("weight", "").strip() or "1"
    try:
        weight = float(text)
    except ValueError:
        weight = -1.0
    if not 0 <= weight < float("inf"):
        raise ManifestError(f"weight {text!r} is not a number of at least 0")
    return weight
