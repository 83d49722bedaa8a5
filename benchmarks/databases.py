"""Databases to measure on, each made for one run."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from sqlalchemy import create_engine, make_url, text


@contextmanager
def fresh_database(server: str | None) -> Iterator[str]:
    """The URL of an empty database."""
    if server is None:
        with TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/cladist.db"
        return
    url = make_url(server).set(drivername="postgresql+psycopg")
    name = f"cladist_bench_{uuid.uuid4().hex}"
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()
