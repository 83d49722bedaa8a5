"""The command line. Commands are imported when they run, so that `cladist --help` loads no torch."""

import importlib
import logging
import sys
import warnings
from typing import NamedTuple, cast

import click

from taxonomy.errors import CladistError


class _Lazy(NamedTuple):
    target: str  # module:attribute
    help: str


_COMMANDS = {
    "demo": _Lazy("worker.cli.demo.command:demo", "Do the whole job on this machine, from nothing."),
    "taxonomy": _Lazy("worker.cli.taxonomy.files:taxonomy", "Check, convert and compare taxonomies; move labels."),
    "data": _Lazy("worker.cli.data.check:data", "Check labelled images before training."),
    "train": _Lazy("worker.cli.model.train:train", "Train a bundle from a labels.csv."),
    "evaluate": _Lazy("worker.cli.model.evaluate:evaluate", "Measure a bundle on a labelled split."),
    "calibrate": _Lazy("worker.cli.model.calibrate:calibrate", "Fit a bundle's decision depth to a target accuracy."),
    "predict": _Lazy("worker.cli.model.predict:predict", "Classify images, here and now."),
    "db": _Lazy("worker.cli.service.database:db", "Prepare the database."),
    "bundle": _Lazy("worker.cli.service.bundle:bundle", "Make bundles known to the database."),
    "submit": _Lazy("worker.cli.jobs.submit:submit", "Submit assets for classification."),
    "jobs": _Lazy("worker.cli.jobs.jobs:jobs", "List, show, wait for, cancel, retry and purge jobs."),
    "queues": _Lazy("worker.cli.jobs.queues:queues", "List, pause, resume and change the queues of jobs."),
    "reclassify": _Lazy("worker.cli.jobs.reclassify:reclassify", "Submit assets again: stale, failed, unlabelled."),
    "labels": _Lazy("worker.cli.jobs.labels:labels", "Find assets by node and confidence."),
    "top": _Lazy("worker.cli.service.top:top", "Watch jobs, rates and workers."),
    "worker": _Lazy("worker.cli.service.worker:worker", "Run jobs until told to stop."),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order in which they are shown."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now; None where there is none."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name].target.partition(":")
        return cast("click.Command", getattr(importlib.import_module(module), attribute))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table alone, importing none."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in _COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cladist")
def cli() -> None:
    """Classify images into your own taxonomy, coherently at every level, by jobs that are never lost."""


def main() -> None:
    """Run the command line and exit: 0 done, 2 wrong use or bad input, 1 an error of ours."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    warnings.filterwarnings("ignore", module=r"PIL\.")  # odd metadata in images: our own checks speak for themselves
    warnings.filterwarnings("ignore", message=r".*LeafSpec.*deprecated")  # between Lightning and torch, not ours
    sys.exit(_run())


def _run() -> int:
    try:
        return int(cli.main(standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.ClickException as error:
        where = f"{error.ctx.command_path}: " if isinstance(error, click.UsageError) and error.ctx else ""
        return _refuse(f"{where}{error.format_message()}")
    except CladistError as error:
        return _refuse(str(error))
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _refuse(message: str) -> int:
    click.echo(f"cladist: {' '.join(message.split())}", err=True)
    return 2
