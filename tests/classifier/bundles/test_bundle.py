"""A trained model on disk: the round trip, and every damage refused by the name of the file."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from classifier.bundles.bundle import Bundle, make_net, read_bundle
from classifier.bundles.calibration import Calibration
from classifier.bundles.info import BundleInfo, MetricsFile
from classifier.bundles.writing import write_bundle, write_calibration, write_metrics
from classifier.config import TrainingConfig
from classifier.errors import BundleError, ReleaseMismatchError
from taxonomy import Hierarchy, Node, Taxonomy, canonical_json, release

PARTS = ["model.safetensors", "bundle.json", "taxonomy.json", "calibration.json"]


@pytest.fixture
def bundle(trained: Bundle, tmp_path: Path) -> Bundle:
    """A copy of the trained bundle, to be damaged."""
    return read_bundle(shutil.copytree(trained.folder, tmp_path / "bundle"))


def refusal(folder: Path, kind: type[BundleError] = BundleError) -> BundleError:
    with pytest.raises(kind) as caught:
        read_bundle(folder).load_net()
    assert "\n" not in str(caught.value)
    return caught.value


def refused(folder: Path, kind: type[BundleError] = BundleError) -> str:
    return str(refusal(folder, kind))


def test_codes_tell_the_truth(bundle: Bundle) -> None:
    """No bundle, one that is damaged, and one that is in the way are three things."""
    with pytest.raises(BundleError) as caught:
        write_bundle(bundle.folder, bundle.load_net(), bundle.info, bundle.taxonomy, Calibration())
    assert caught.value.code is None  # no job fails with it
    assert refusal(bundle.folder / "none").code == "bundle_not_found"
    (bundle.folder / "calibration.json").write_text("{")
    assert refusal(bundle.folder).code == "bundle_unusable"


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    body = json.loads(path.read_text())
    change(body)
    path.write_text(json.dumps(body))


def test_the_files_of_a_bundle(trained: Bundle) -> None:
    """Weights, JSON and a card; no pickle, and nothing left over from writing."""
    names = sorted(path.name for path in trained.folder.iterdir())
    assert names == sorted([*PARTS, "metrics.json", "MODEL_CARD.md"])


def test_what_is_written_is_read_back(tmp_path: Path, trained: Bundle) -> None:
    """What is written is what is read: weights, taxonomy, calibration, info."""
    net = make_net("test_resnet", trained.hierarchy)
    calibration = Calibration(temperature=1.3, target_accuracy=0.9, threshold=0.4, samples=9, split="val")
    written = write_bundle(tmp_path / "new", net, trained.info, trained.taxonomy, calibration)
    again = read_bundle(tmp_path / "new")
    assert (again.info, again.taxonomy, again.calibration) == (trained.info, trained.taxonomy, calibration)
    assert (again.version, again.model) == (written.version, f"test_resnet@{written.version}")
    loaded = again.load_net()
    assert not loaded.training
    assert all(torch.equal(tensor, net.state_dict()[name]) for name, tensor in loaded.state_dict().items())


def test_an_existing_folder_is_not_overwritten(bundle: Bundle) -> None:
    before = (bundle.folder / "bundle.json").read_bytes()
    with pytest.raises(BundleError, match="exists already"):
        write_bundle(bundle.folder, bundle.load_net(), bundle.info, bundle.taxonomy, Calibration())
    assert (bundle.folder / "bundle.json").read_bytes() == before


def test_what_an_interrupted_writing_left_is_replaced(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "new.partial").mkdir()
    (tmp_path / "new.partial" / "junk").write_text("x")
    write_bundle(tmp_path / "new", bundle.load_net(), bundle.info, bundle.taxonomy, Calibration())
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(PARTS)
    assert not (tmp_path / "new.partial").exists()


def test_the_version_names_the_exact_content(bundle: Bundle) -> None:
    """Another calibration is another version, the first one again the first; metrics do not count."""
    other = write_calibration(bundle, Calibration(temperature=3.0))
    assert other.version != bundle.version
    assert write_calibration(other, bundle.calibration).version == bundle.version
    told = MetricsFile.model_validate_json((bundle.folder / "metrics.json").read_bytes())
    write_metrics(bundle, "test", told.metrics)
    assert read_bundle(bundle.folder).version == bundle.version


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "nowhere") == f"{tmp_path / 'nowhere'}: no such bundle"
    (tmp_path / "file").write_text("x")
    assert refused(tmp_path / "file") == f"{tmp_path / 'file'}: no such bundle"


@pytest.mark.parametrize("name", PARTS)
def test_a_missing_file_is_refused(bundle: Bundle, name: str) -> None:
    (bundle.folder / name).unlink()
    assert refused(bundle.folder) == f"{bundle.folder / name}: No such file or directory"


@pytest.mark.parametrize("name", ["metrics.json", "MODEL_CARD.md"])
def test_what_only_people_read_may_be_missing(bundle: Bundle, name: str) -> None:
    (bundle.folder / name).unlink()
    read_bundle(bundle.folder).load_net()


@pytest.mark.parametrize("name", ["bundle.json", "taxonomy.json", "calibration.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"null", b'{"format": "cladist-bundle/9"}'])
def test_torn_or_foreign_json(bundle: Bundle, name: str, content: bytes) -> None:
    (bundle.folder / name).write_bytes(content)
    assert refused(bundle.folder).startswith(f"{bundle.folder / name}: ")


@pytest.mark.parametrize("name", ["bundle.json", "calibration.json"])
def test_a_key_too_many(bundle: Bundle, name: str) -> None:
    edit(bundle.folder / name, lambda body: body.update(surprise=1))
    assert refused(bundle.folder) == f"{bundle.folder / name}: surprise: Extra inputs are not permitted"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("image_size_px", 10),
        ("image_size_px", 100_000),
        ("mean", [0.5]),
        ("release", "abc"),
        ("mode", "several"),
        ("backbone", None),
        ("training", {"epochs": 0}),
    ],
)
def test_an_impossible_value_names_its_key(bundle: Bundle, key: str, value: Any) -> None:
    edit(bundle.folder / "bundle.json", lambda body: body.update({key: value}))
    assert refused(bundle.folder).startswith(f"{bundle.folder / 'bundle.json'}: {key}")


def test_a_taxonomy_of_another_release(bundle: Bundle) -> None:
    other = Taxonomy([Node("a", "A"), Node("b", "B")])
    (bundle.folder / "taxonomy.json").write_text(canonical_json(other))
    assert refused(bundle.folder, ReleaseMismatchError) == (
        f"{bundle.folder}: trained on taxonomy release {bundle.info.release[:12]}, "
        f"but its taxonomy.json is {release(other)[:12]}"
    )
    assert ReleaseMismatchError.code == "taxonomy_mismatch"


def test_the_release_that_a_caller_requires(bundle: Bundle) -> None:
    bundle.require_release(bundle.hierarchy.release, "the job")
    with pytest.raises(ReleaseMismatchError, match=f"{bundle.info.release[:12]}, but the job has {'0' * 12}"):
        bundle.require_release("0" * 64, "the job")


def test_an_unknown_backbone_is_refused(bundle: Bundle) -> None:
    edit(bundle.folder / "bundle.json", lambda body: body.update(backbone="nonesuch"))
    assert refused(bundle.folder) == "unknown backbone 'nonesuch'"


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_truncated_weights_are_refused(bundle: Bundle, share: float) -> None:
    path = bundle.folder / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert refused(bundle.folder).startswith(f"{path}: ")


def test_weights_of_another_shape(bundle: Bundle) -> None:
    """Those of a taxonomy with other levels."""
    path = bundle.folder / "model.safetensors"
    other = Hierarchy.compile(Taxonomy([Node("a", "A"), Node("b", "B"), Node("c", "C")]))
    save_file(make_net("test_resnet", other).state_dict(), path)
    assert refused(bundle.folder).startswith(f"{path}: ")


def test_weights_of_another_shape_name_a_tensor(bundle: Bundle) -> None:
    path = bundle.folder / "model.safetensors"
    save_file({**load_file(path), "heads.heads.1.bias": torch.zeros(3)}, path)
    assert "heads.heads.1.bias" in refused(bundle.folder)


def test_a_pickle_in_place_of_the_weights(bundle: Bundle) -> None:
    path = bundle.folder / "model.safetensors"
    torch.save({"backbone": torch.zeros(1)}, path)
    assert refused(bundle.folder).startswith(f"{path}: ")


def test_the_card_says_what_was_measured(trained: Bundle) -> None:
    """Name, split, a row for each level, and the doubt that belongs to it."""
    card = (trained.folder / "MODEL_CARD.md").read_text()
    metrics = json.loads((trained.folder / "metrics.json").read_text())
    assert card.startswith(f"# test_resnet on taxonomy {trained.info.release[:12]}\n")
    assert f"Measured on the split `{metrics['split']}` ({metrics['metrics']['samples']} images)" in card
    for level in metrics["metrics"]["levels"]:
        assert f"| {level['level']} | {level['nodes']} | {level['top1']:.3f} |" in card


def test_the_info_that_a_bundle_keeps(trained: Bundle, quick: TrainingConfig) -> None:
    assert trained.info.training == quick
    assert trained.info.image_size_px == quick.test_size_px
    assert {"torch", "timm", "numpy"} <= trained.info.libraries.keys()
    assert BundleInfo.model_validate_json(trained.info.model_dump_json()) == trained.info


def test_temperatures_of_another_bundle(bundle: Bundle) -> None:
    """A calibration that was made for another depth, or for a single label a time, is refused with its file."""
    edit(bundle.folder / "calibration.json", lambda body: body.update(level_temperatures=[1.0, 1.1, 1.2]))
    assert "calibration.json: 3 level temperatures for 2 levels" in refused(bundle.folder)
    edit(bundle.folder / "calibration.json", lambda body: body.update(level_temperatures=[1.0, 1.1]))
    read_bundle(bundle.folder)
    edit(bundle.folder / "bundle.json", lambda body: body.update(mode="multi"))
    assert "calibration.json: label sets have one temperature for all logits" in refused(bundle.folder)
