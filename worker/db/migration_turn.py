"""Whose turn it is to change the schema, where several processes want to at once."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, func, select
from sqlalchemy.engine import Connection

_SCHEMA = 0x436C6173  # an advisory lock of our own


@contextmanager
def turn_of_folder(url: URL) -> Iterator[None]:
    """On SQLite, hold a lock on the folder of its file: even to connect for the first time changes the file.

    A lock on the folder leaves no file behind, and is none of those that SQLite takes on its own.
    """
    folder = Path(url.database).absolute().parent if url.get_backend_name() == "sqlite" and url.database else None
    if folder is None or not folder.is_dir():
        yield
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def take_turn(connection: Connection) -> None:
    """On PostgreSQL, wait until nobody else changes the schema, and keep others out until the transaction ends."""
    if connection.dialect.name != "sqlite":
        connection.execute(select(func.pg_advisory_xact_lock(_SCHEMA)))
