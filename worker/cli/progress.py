"""Progress bars for people, on standard error."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from classifier.progress import Progress as ProgressListener
from worker.telemetry.redaction import safe_message


@contextmanager
def progress_bars(*, hidden: bool = False) -> Iterator[ProgressListener]:
    """A listener that shows a bar for each stage on standard error; nothing at all until it is told something."""
    columns = (
        TextColumn("{task.description:<10}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    # What is printed meanwhile must stay on standard output, unless that is the bars' own terminal.
    bars = Progress(*columns, console=Console(stderr=True), disable=hidden, redirect_stdout=sys.stdout.isatty())
    stages: dict[str, TaskID] = {}

    def listen(stage: str, done: int, total: int, note: str, /) -> None:
        note = safe_message(note)
        if stage not in stages:
            bars.start()
            stages[stage] = bars.add_task(stage, total=total, note=note)
        bars.update(stages[stage], completed=done, total=total, note=note)

    try:
        yield listen
    finally:
        if stages:
            bars.stop()
