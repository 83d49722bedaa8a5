"""What answers are given with: releases of taxonomies, their nodes, and bundles."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from worker.db.tables.base import DEFAULT_TAXONOMY, Base


class ReleaseRow(Base):
    """One release of a taxonomy, whole; of all releases of one taxonomy name one is active."""

    __tablename__ = "releases"
    __table_args__ = (
        Index("uq_releases_active", "name", unique=True, sqlite_where=text("active"), postgresql_where=text("active")),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    release: Mapped[str] = mapped_column(String(64), unique=True)
    taxonomy: Mapped[str] = mapped_column(Text, deferred=True)  # megabytes, and seldom wanted
    created_at: Mapped[datetime]
    name: Mapped[str] = mapped_column(Text, default=DEFAULT_TAXONOMY, server_default=DEFAULT_TAXONOMY)
    active: Mapped[bool] = mapped_column(default=False, server_default=text("false"))


class NodeRow(Base):
    """One node of a release, to be found by id, name or path."""

    __tablename__ = "nodes"
    __table_args__ = (Index(None, "release_id", "name"), Index(None, "release_id", "path"))

    release_id: Mapped[int] = mapped_column(Integer, ForeignKey("releases.id"), primary_key=True)
    node_id: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    path: Mapped[str] = mapped_column(Text)
    level: Mapped[int] = mapped_column(Integer)


class AliasRow(Base):
    """Another name of a node: an alias, or its name in some language."""

    __tablename__ = "aliases"

    release_id: Mapped[int] = mapped_column(Integer, ForeignKey("releases.id"), primary_key=True)
    alias: Mapped[str] = mapped_column(Text, primary_key=True)
    node_id: Mapped[str] = mapped_column(Text, primary_key=True)


class BundleRow(Base):
    """A trained model that jobs may use; `model` names its exact version, `active` the one that new jobs get.

    What `active` answers, a `shadow` answers as well; its answers are kept apart and act on nothing.
    """

    __tablename__ = "bundles"
    __table_args__ = (
        Index("uq_bundles_active", "active", unique=True, sqlite_where=text("active"), postgresql_where=text("active")),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    model: Mapped[str] = mapped_column(Text, unique=True)
    folder: Mapped[str] = mapped_column(Text)
    release_id: Mapped[int] = mapped_column(Integer, ForeignKey("releases.id"))
    active: Mapped[bool]
    created_at: Mapped[datetime]
    shadow: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
