"""`cladist demo`."""

import shutil
from pathlib import Path

import click

from classifier.config import TrainingConfig
from worker.cli.demo.figures import render_catalogue
from worker.cli.demo.tour import FIGURES_CONFIG, take_tour
from worker.cli.options import file_type
from worker.cli.progress import progress_bars

_MARK = ".cladist-demo"


@click.command()
@click.option("--images", type=file_type, help="A folder of photographs, instead of drawn figures.")
@click.option("--labels", type=file_type, help="Their labels.csv.")
@click.option("--out", type=file_type, default=Path("cladist-demo"), show_default=True, help="Where all of it goes.")
@click.option("--epochs", type=click.IntRange(1, 100_000), help="Fewer are faster, and worse.")
def demo(*, images: Path | None, labels: Path | None, out: Path, epochs: int | None) -> None:
    """Do the whole job on this machine, from nothing: draw, train, evaluate, migrate, route, show."""
    if (images is None) != (labels is None):
        raise click.UsageError("--images and --labels go together")
    out = _fresh_folder(out)
    if labels is None:
        with progress_bars() as progress:
            labels = render_catalogue(out / "figures", progress=progress)
        config = FIGURES_CONFIG
    else:
        config = TrainingConfig()
    if epochs is not None:
        config = config.model_copy(update={"epochs": epochs})
    take_tour(labels, images, out, config)


def _fresh_folder(out: Path) -> Path:
    """An empty folder, in place of what an earlier demo left; anything else is not touched."""
    if out.exists():
        if not (out / _MARK).exists():
            raise click.UsageError(f"{out} exists and is not of an earlier demo; choose another --out")
        shutil.rmtree(out)
    out.mkdir(parents=True)
    (out / _MARK).touch()
    return out.resolve()
