"""The insides of Celery that `worker/process/celery_consumer.py` builds on: a version that moves them fails here."""

import inspect
import tomllib
from importlib.metadata import version
from pathlib import Path

import celery.worker.state
import pytest
from celery.app.defaults import NAMESPACES
from celery.worker.consumer import Consumer
from celery.worker.loops import synloop
from packaging.requirements import Requirement

SIGNATURES = {
    "create_task_handler": ["self", "promise"],
    "on_decode_error": ["self", "message", "exc"],
    "on_unknown_message": ["self", "body", "message"],
    "on_unknown_task": ["self", "body", "message", "exc"],
    "on_invalid_task": ["self", "body", "message", "exc"],
    "on_connection_error_after_connected": ["self", "exc"],
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_what_is_overridden_takes_what_it_took(name: str) -> None:
    assert list(inspect.signature(getattr(Consumer, name)).parameters) == SIGNATURES[name]


def test_the_loop_and_the_flags_are_where_they_were() -> None:
    """The loop gets the consumer and its connection first; its flags stop it; channel errors may be retried."""
    assert list(inspect.signature(synloop).parameters)[:3] == ["obj", "connection", "consumer"]
    assert {"should_stop", "should_terminate"} <= vars(celery.worker.state).keys()
    assert "channel_error_retry" in NAMESPACES["broker"]
    source = inspect.getsource(Consumer.start)
    assert "recoverable_errors" in source
    assert "on_connection_error_after_connected" in source


def test_the_version_is_one_that_was_looked_at() -> None:
    """`pyproject.toml` bounds Celery from above, and what is installed lies within."""
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    (bounds,) = (req for req in map(Requirement, project["dependencies"]) if req.name == "celery")
    assert any(bound.operator == "<" for bound in bounds.specifier)
    assert version("celery") in bounds.specifier
