"""What commands print: JSON for programs, tables for people."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from taxonomy.errors import some_of
from worker.telemetry.redaction import safe_message, visible, visible_json

_LONG_COLUMNS = (
    "asset",
    "name",
    "message",
    "value",
    "alternatives",
    "before",
    "after",
    "truth",
    "best path and confidence",
    "decided",
    "why, for one of them",
    "where",
    "what",
)  # these give way when the terminal is narrow

_JOB_COLUMNS = ("job", "status", "attempt", "asset", "code", "message")
_NAMED = 10  # failed jobs that people are told of
_PIPED_WIDTH = 160  # columns of a table that no terminal shows


def print_json(value: Any) -> None:
    """Print one JSON value on one line of standard output."""
    click.echo(visible_json(json.dumps(value, ensure_ascii=False, default=str)))


def print_text(text: str, *, err: bool = False) -> None:
    """Print a line for people: without secrets, and with nothing in it that acts on the terminal."""
    click.echo(safe_message(text), err=err)


def print_secret(secret: str) -> None:
    """Print a line of our own making as it is: what a reader asked for, and sees this once."""
    click.echo(secret)


def print_warnings(warnings: Iterable[str]) -> None:
    """Print what looks odd but was done, a line each on standard error."""
    for warning in warnings:
        print_text(f"warning: {warning}", err=True)


def print_file(text: str) -> None:
    """Print the content of a file: as it is for a pipe, and as `print_text` does for a terminal."""
    click.echo(visible(text) if sys.stdout.isatty() else text, nl=False)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; columns whose first cell is a number stand to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    numbers = [all(_is_number(row[i]) for row in cells) and bool(cells) for i in range(len(columns))]
    table = Table(title=safe_message(title), title_justify="left", title_style="bold", header_style="bold")
    for column, is_number in zip(columns, numbers, strict=True):
        table.add_column(
            column, justify="right" if is_number else "left", overflow="fold", no_wrap=column not in _LONG_COLUMNS
        )
    for row in cells:
        table.add_row(*row)
    width = None if sys.stdout.isatty() else _PIPED_WIDTH
    Console(width=width, markup=False, emoji=False).print(table)


def print_jobs(jobs: Iterable[dict[str, Any]], *, as_json: bool) -> None:
    """Print jobs: one object a line for programs, the columns that matter for people."""
    if as_json:
        for job in jobs:
            print_json(job)
    else:
        print_table("jobs", _JOB_COLUMNS, [[job[column] for column in _JOB_COLUMNS] for job in jobs])


def print_batch(batch: dict[str, Any], *, as_json: bool) -> None:
    """Print one batch: one object for programs; for people its counts, a rate and the time that is left."""
    if as_json:
        print_json(batch)
        return
    counts = [(state, f"{n} or more" if state in batch["capped"] else n) for state, n in batch["counts"].items() if n]
    print_table(f"batch {batch['batch']}: {batch['jobs']} jobs", ("state", "jobs"), counts)
    left = "" if batch["left_s"] is None else f", {batch['left_s']:.0f} s left"
    click.echo(f"{batch['rate_per_s']:.1f} a second{left}" if batch["open"] else "ended")
    if failed := batch.get("failed_jobs"):
        click.echo(f"failed: {some_of(map(str, failed), _NAMED)}")


def print_metrics(metrics: dict[str, Any]) -> None:
    """Print an evaluation: the table by level, then the figures of the whole."""
    columns = ("level", "nodes", "samples", "top-1", "top-5", "macro top-1", "ECE", "by chance")
    keys = ("level", "nodes", "samples", "top1", "top5", "macro_top1", "ece", "ece_by_chance")
    print_table(f"{metrics['samples']} images", columns, [[row[key] for key in keys] for row in metrics["levels"]])
    curve, decision = metrics["operating_curve"], metrics["decision"]
    click.echo(f"full path right       {metrics['full_path_accuracy']:.3f}")
    click.echo(f"hierarchical F1       {metrics['hierarchical_f1']:.3f}")
    click.echo(
        f"mistakes              severity {metrics['mistake_severity']:.2f}, "
        f"mean distance {metrics['mean_hierarchical_distance']:.2f}"
    )
    click.echo(f"incoherent            {metrics['incoherent_fraction']:.3f}")
    click.echo(
        f"operating curve       AP {curve['ap']:.3f}, AC {curve['ac']:.3f}, recall at 90 % right "
        f"{curve['recall_at_90']:.3f}, at 95 % {curve['recall_at_95']:.3f}"
    )
    if sets := metrics.get("label_sets"):
        click.echo(
            f"label sets            AU(PRC) {sets['micro_auprc']:.3f}, precision {sets['precision']:.3f}, "
            f"recall {sets['recall']:.3f}, F1 {sets['f1']:.3f}, exact {sets['exact_match']:.3f}"
        )
    click.echo(_decision_line(decision))


def _decision_line(decision: dict[str, Any]) -> str:
    if decision["threshold"] is None:
        return "decision              no threshold: every answer is given in full"
    target = decision["target_accuracy"]
    of_decisions = decision["guarantee"] == "decisions"
    right = f" (target at least {target:.3g})" if of_decisions else ""
    wrong = "" if of_decisions else f" (target at most {1 - target:.3g})"
    return (
        f"decision              {decision['accuracy']:.3f} of decisions right{right}, "
        f"coverage {decision['coverage']:.3f}, mean level {decision['mean_level']:.2f}, "
        f"threshold {decision['threshold']:.3f}; {decision['wrong_fraction']:.3f} of all images decided wrongly{wrong}"
        f"{_left_out(decision)}"
    )


def _left_out(decision: dict[str, Any]) -> str:
    shares = ((decision["unfamiliar_fraction"], "unlike anything known"), (decision["review_fraction"], "for review"))
    return "".join(f", {share:.3f} {what}" for share, what in shares if share)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else safe_message(str(value))


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit() or not text
