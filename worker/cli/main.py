"""The command line. Commands are imported when they run, so that `cladist --help` is there at once."""

import errno
import logging
import os
import re
import sys
import warnings

import click

from taxonomy.errors import CladistError
from worker.cli.lazy_group import LazyCommand, LazyGroup
from worker.telemetry.last_words import SafeFormatter, SafeHandler, guard_last_words
from worker.telemetry.redaction import safe_message

_COMMANDS = {
    "demo": LazyCommand("worker.cli.demo.command:demo", "Do the whole job on this machine, from nothing."),
    "taxonomy": LazyCommand(
        "worker.cli.taxonomy.group:taxonomy", "Check, convert and compare taxonomies; move labels."
    ),
    "data": LazyCommand("worker.cli.data.check:data", "Check labelled images before training."),
    "train": LazyCommand("worker.cli.model.train:train", "Train a bundle from a labels.csv."),
    "evaluate": LazyCommand("worker.cli.model.evaluate:evaluate", "Measure a bundle on a labelled split."),
    "calibrate": LazyCommand(
        "worker.cli.model.calibrate:calibrate", "Fit a bundle's decision depth to a target accuracy."
    ),
    "predict": LazyCommand("worker.cli.model.predict:predict", "Classify images, here and now."),
    "db": LazyCommand("worker.cli.service.database:db", "Prepare the database."),
    "bundle": LazyCommand("worker.cli.service.bundle:bundle", "Make bundles known to the database."),
    "submit": LazyCommand("worker.cli.jobs.submit:submit", "Submit assets for classification."),
    "jobs": LazyCommand("worker.cli.jobs.group:jobs", "List, show, wait for, cancel, retry and purge jobs."),
    "batches": LazyCommand("worker.cli.jobs.batches:batches", "Show, list and cancel the jobs of a submission."),
    "assets": LazyCommand("worker.cli.jobs.assets:assets", "Show, list and delete assets."),
    "queues": LazyCommand("worker.cli.jobs.queues:queues", "List, pause, resume and change the queues of jobs."),
    "reclassify": LazyCommand(
        "worker.cli.jobs.reclassify:reclassify", "Submit assets again: stale, failed, unlabelled."
    ),
    "labels": LazyCommand("worker.cli.jobs.labels:labels", "Find assets by node and confidence."),
    "policy": LazyCommand("worker.cli.policies.group:policy", "Keep and explain the rules that route assets."),
    "routings": LazyCommand("worker.cli.policies.explanation:routings", "List and show what policies did with jobs."),
    "shadow": LazyCommand("worker.cli.policies.shadow:shadows", "Compare what runs beside with what acts."),
    "hash-lists": LazyCommand("worker.cli.hash_lists.commands:hash_lists", "Import and ask lists of known content."),
    "sinks": LazyCommand("worker.cli.service.sinks:sinks", "Show who is told of events, and forget who no longer is."),
    "webhooks": LazyCommand("worker.cli.service.webhooks:webhooks", "Send events to addresses of tenants, signed."),
    "audit": LazyCommand("worker.cli.audit.group:audit", "Verify and export the record of what was decided."),
    "keys": LazyCommand("worker.cli.service.keys:keys", "Make, list, rotate and revoke keys of the HTTP API."),
    "serve": LazyCommand("worker.cli.service.serve:serve", "Serve the HTTP API until told to stop."),
    "top": LazyCommand("worker.cli.service.top:top", "Watch jobs, rates and workers."),
    "worker": LazyCommand("worker.cli.service.worker:run", "Run jobs until told to stop."),
}


@click.group(cls=LazyGroup, table=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cladist")
def cli() -> None:
    """Classify images into your own taxonomy, coherently at every level, by jobs that are never lost."""


def main() -> None:
    """Run the command line and exit: 0 done, 2 wrong use or bad input, 1 an error of ours, 130 interrupted."""
    lines = SafeHandler()
    lines.setFormatter(SafeFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[lines])
    guard_last_words()
    warnings.filterwarnings("ignore", module=r"PIL\.")  # odd metadata in images: our own checks speak for themselves
    warnings.filterwarnings("ignore", message=r".*LeafSpec.*deprecated")  # between Lightning and torch, not ours
    sys.exit(_run())


def _run() -> int:
    try:
        if any("\0" in word for word in sys.argv):
            raise click.UsageError("an argument holds a NUL byte")
        return int(cli.main(standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.ClickException as error:
        where = f"{error.ctx.command_path}: " if isinstance(error, click.UsageError) and error.ctx else ""
        return _refuse(f"{where}{error.format_message()}")
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except (CladistError, UnicodeEncodeError, OSError) as error:
        return _refuse(_bad_input(error))


def _refuse(message: str) -> int:
    click.echo(f"cladist: {safe_message(' '.join(message.split()))}", err=True)
    return 2


def _bad_input(error: CladistError | UnicodeEncodeError | OSError) -> str:
    """What was wrong. Raises the error itself where it is one of ours, as no argument or setting explains it."""
    if isinstance(error, CladistError):
        return str(error)
    if isinstance(error, OSError):
        if error.errno == errno.ENAMETOOLONG:
            return f"{error.filename!s:.200}: {error.strerror}"
        raise error
    given = [*sys.argv[1:], *(value for name, value in os.environ.items() if name.startswith("CLADIST_"))]
    culprit = next((text for text in given if re.search("[\ud800-\udfff]", text)), None)
    if culprit is None:
        raise error
    return f"not UTF-8 text: {culprit[:200]}"
