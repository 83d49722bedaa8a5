"""The usual design, as a Celery app of its own: one task an image, torch eager, one commit an image.

It decodes and predicts by the same code and weights as Cladist, loads the model once in each process, and leaves out
what the usual design leaves out: outbox, claims, leases, batches. Run by against_usual.py.
"""

import os
from functools import cache
from pathlib import Path

import torch
from celery import Celery
from sqlalchemy import Engine, ForeignKey, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from classifier.runtime import Predictor

app = Celery("usual", broker=os.environ.get("USUAL_BROKER_URL", "memory://"))
app.conf.update(task_ignore_result=True, task_default_queue=os.environ.get("USUAL_QUEUE", "usual"),
                broker_connection_retry_on_startup=True)  # fmt: skip


class Base(DeclarativeBase):
    """Its tables."""


class ImageRow(Base):
    """An image and where it stands."""

    __tablename__ = "usual_images"

    id: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str]
    is_done: Mapped[bool] = mapped_column(default=False, index=True)


class ImageLabelRow(Base):
    """A node of an image."""

    __tablename__ = "usual_labels"

    image_id: Mapped[int] = mapped_column(ForeignKey("usual_images.id"), primary_key=True)
    node: Mapped[str] = mapped_column(primary_key=True)
    level: Mapped[int]
    confidence: Mapped[float]


@cache
def engine() -> Engine:
    """One for each process."""
    return create_engine(os.environ["USUAL_DATABASE_URL"])


@cache
def predictor() -> Predictor:
    """One for each process."""
    torch.set_num_threads(int(os.environ["USUAL_THREADS"]))
    return Predictor.load(os.environ["USUAL_BUNDLE"])


@app.task(name="usual.classify")
def classify(image_id: int) -> None:
    """All there is to do for one image."""
    with Session(engine()) as session:
        image = session.get_one(ImageRow, image_id)
        pixels = predictor().pixels(Path(image.path).read_bytes(), image.path)
        (said,) = predictor().predict([image.path], pixels[None])
        for label in said.levels:
            session.merge(ImageLabelRow(image_id=image_id, node=label.node, level=label.level,
                                        confidence=label.confidence))  # fmt: skip
        image.is_done = True
        session.commit()
