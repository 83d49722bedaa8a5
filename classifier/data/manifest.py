"""labels.csv: which image carries which node, in which split."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from scipy.sparse import csr_array

from classifier.errors import ManifestError, MissingImageError, UnknownNodeError
from taxonomy import Hierarchy, Taxonomy, TaxonomyError
from taxonomy.errors import located
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
    """Read a labels.csv against a taxonomy; image paths are relative to `images`, by default to the file's folder.

    With `multi_label` a row may carry several nodes, joined by `|`. Raises ManifestError, naming the line, on a missing
    header, a node or path that the taxonomy does not have, an unknown split, a bad weight, and an image that is missing
    or lies outside that folder.
    """
    path = Path(path)
    root = (images or path.parent).resolve()
    try:
        rows = read_rows(read_text(path), str(path))
        return Manifest(str(path), tuple(_samples(rows, str(path), root, taxonomy, multi_label=multi_label)))
    except TaxonomyError as error:
        raise ManifestError.of(error) from None


def inspect_manifest(
    path: str | Path, taxonomy: Taxonomy, images: Path | None = None, *, multi_label: bool = False
) -> tuple[Manifest, tuple[ManifestError, ...]]:
    """Read a labels.csv as `read_manifest` does, but skip bad rows: the good rows, and the errors of the others.

    Raises ManifestError when the file itself cannot be read.
    """
    path = Path(path)
    root = (images or path.parent).resolve()
    samples: list[Sample] = []
    errors: list[ManifestError] = []
    try:
        for numbered in read_rows(read_text(path), str(path)):
            try:
                samples.extend(_samples(iter([numbered]), str(path), root, taxonomy, multi_label=multi_label))
            except ManifestError as error:
                errors.append(error)
    except TaxonomyError as error:
        raise ManifestError.of(error) from None
    return Manifest(str(path), tuple(samples)), tuple(errors)


def label_positions(samples: Sequence[Sample], hierarchy: Hierarchy) -> list[int]:
    """The position of each sample's one node in the hierarchy."""
    return [hierarchy.position(sample.node_id) for sample in samples]


def carried_nodes(samples: Sequence[Sample], hierarchy: Hierarchy) -> csr_array:
    """(S, N) boolean CSR: in each row the nodes of a sample and all their ancestors."""
    return hierarchy.closed([[hierarchy.position(node_id) for node_id in sample.node_ids] for sample in samples])


def _samples(
    rows: Iterator[tuple[int, Mapping[str, str]]], source: str, root: Path, taxonomy: Taxonomy, *, multi_label: bool
) -> Iterator[Sample]:
    known: dict[tuple[str, str], tuple[str, ...]] = {}
    for line, row in rows:
        with located(source, line):
            label = (row.get("node", "").strip(), row.get("path", "").strip())
            if label not in known:
                known[label] = _node_ids(*label, taxonomy, multi_label=multi_label)
            split = row.get("split", "").strip() or "train"
            if split not in SPLITS:
                raise ManifestError(f"unknown split {split!r}; known: {', '.join(SPLITS)}")
            sample = Sample(_image(row["image"].strip(), root), known[label], split, _weight(row), line)
        yield sample


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
