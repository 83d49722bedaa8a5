"""Errors of the worker: an AssetError fails a job for good, a RetryableError does not, all else is a bug of ours."""

from taxonomy import CladistError


class DatabaseError(CladistError):
    """A database that cannot be reached or was not upgraded."""


class ConflictError(DatabaseError):
    """Another transaction was in the way: the same may succeed at once when it is tried again."""


class BrokerError(CladistError):
    """A broker that cannot be reached, or does not take a message."""


class ConsumerEndedError(CladistError):
    """A worker's consumer that ended though nobody had asked it to."""


class SubmissionError(CladistError):
    """A job that cannot be submitted as asked."""


class LookupFailedError(CladistError):
    """No job, bundle or node of that name."""


class HashListError(CladistError):
    """A list of hashes that cannot be read, or cannot be named so."""


class SinkError(CladistError):
    """A sink that cannot be what it is asked to be."""


class WebhookError(CladistError):
    """A webhook, or a delivery of one, that cannot be what it is asked to be."""


class InvalidMoveError(CladistError):
    """A job that is in no state for what was asked."""


class RetryableError(Exception):
    """A transient error: the job is tried again later, as long as it has attempts."""


class HostBusyError(RetryableError):
    """A host that asks to be left alone for a while: its jobs wait for `wait_s`, and are charged no attempt."""

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class StoppingError(Exception):
    """This worker was told to stop, and takes no more work."""
