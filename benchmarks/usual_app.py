"""The usual design, as a Celery app of its own: one task an image, torch eager, one commit an image.

It decodes by the same code, has the same weights, finds the same confidences as Cladist, loads the model once in each
process, and leaves out what the usual design leaves out: outbox, claims, leases, batches, and a network made fast to
serve. Run by against_usual.py.
"""

import os
from functools import cache
from pathlib import Path

import torch
from celery import Celery
from sqlalchemy import Engine, ForeignKey, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from classifier.bundles.bundle import Bundle, read_bundle
from classifier.images.decode import decode
from classifier.images.tensors import channel_stats, normalise, square_pixels
from classifier.outputs.path_softmax import PathSoftmax

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


class Model:
    """The network as torch and timm give it, in evaluation mode."""

    def __init__(self, bundle: Bundle) -> None:
        self._net = bundle.load_net().eval()
        self._stats = channel_stats(bundle.info.mean, bundle.info.std)
        self._output = PathSoftmax(bundle.hierarchy)
        self._hierarchy = bundle.hierarchy
        self._size_px = bundle.info.image_size_px

    @torch.inference_mode()
    def labels(self, path: str) -> list[tuple[str, int, float]]:
        """(node, level, confidence) along the best path."""
        size_px = self._size_px
        pixels = square_pixels(decode(Path(path).read_bytes(), path, size_px), size_px)
        nodes, best = self._output.predict(self._net(normalise(pixels[None], *self._stats)))
        return [(self._hierarchy.node_ids[node], level, float(nodes[0, node]))
                for level, node in enumerate(self._hierarchy.path(int(best)), 1)]  # fmt: skip


@cache
def model() -> Model:
    """One for each process."""
    torch.set_num_threads(int(os.environ["USUAL_THREADS"]))
    return Model(read_bundle(os.environ["USUAL_BUNDLE"]))


@app.task(name="usual.classify")
def classify(image_id: int) -> None:
    """All there is to do for one image."""
    with Session(engine()) as session:
        image = session.get_one(ImageRow, image_id)
        for node, level, confidence in model().labels(image.path):
            session.merge(ImageLabelRow(image_id=image_id, node=node, level=level, confidence=confidence))
        image.is_done = True
        session.commit()
