"""Write a bundle, whole or not at all, and replace its calibration and metrics."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from classifier.bundles.bundle import Bundle, read_bundle
from classifier.bundles.calibration import Calibration
from classifier.bundles.info import CALIBRATION, CARD, INFO, METRICS, TAXONOMY, WEIGHTS, BundleInfo, MetricsFile
from classifier.bundles.metrics import Metrics
from classifier.bundles.model_card import model_card
from classifier.errors import BundleNotWrittenError
from classifier.files import new_folder, replace_file
from taxonomy import Taxonomy, canonical_json
from taxonomy.errors import first_line


def write_bundle(
    folder: Path, net: nn.Module, info: BundleInfo, taxonomy: Taxonomy, calibration: Calibration
) -> Bundle:
    """Write a new bundle, whole or not at all. Raises BundleNotWrittenError, also when the folder exists."""
    if folder.exists():
        raise BundleNotWrittenError("exists already", source=folder)
    with _one_line_errors(folder), new_folder(folder) as partial:
        save_file({name: tensor.contiguous() for name, tensor in net.state_dict().items()}, partial / WEIGHTS)
        (partial / TAXONOMY).write_text(canonical_json(taxonomy), encoding="utf-8")
        (partial / INFO).write_text(info.model_dump_json(indent=2), encoding="utf-8")
        (partial / CALIBRATION).write_text(calibration.model_dump_json(indent=2), encoding="utf-8")
    return read_bundle(folder)


def write_calibration(bundle: Bundle, calibration: Calibration) -> Bundle:
    """Replace a bundle's calibration; the result has another version."""
    _replace_text(bundle.folder / CALIBRATION, calibration.model_dump_json(indent=2))
    return read_bundle(bundle.folder)


def write_metrics(bundle: Bundle, split: str, metrics: Metrics) -> None:
    """Write metrics.json and the model card that shows it."""
    body = MetricsFile(split=split, metrics=metrics)
    _replace_text(bundle.folder / METRICS, body.model_dump_json(indent=2))
    _replace_text(bundle.folder / CARD, model_card(bundle.info, bundle.taxonomy, bundle.calibration, split, metrics))


def _replace_text(path: Path, text: str) -> None:
    with _one_line_errors(path):
        replace_file(path, text.encode("utf-8"))


@contextmanager
def _one_line_errors(path: Path) -> Iterator[None]:
    """Where writing fails (a full disk, say), raise BundleNotWrittenError."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise BundleNotWrittenError(f"cannot be written: {first_line(error)}", source=path) from None
