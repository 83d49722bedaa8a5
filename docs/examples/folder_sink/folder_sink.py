"""Events as files: `folder:/var/spool/events` gets one file for each event, named by its id, for others to pick up."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from worker import Delivery, SinkError


class FolderSink:
    """Made once in a worker, when it starts; called from one thread."""

    def __init__(self, target: str) -> None:
        """A target that is no folder stops the worker, with this message."""
        self._folder = Path(target).absolute()
        if not self._folder.is_dir():
            raise SinkError(f"there is no folder {self._folder}")
        self.name = f"folder:{self._folder}"

    def deliver(self, events: Sequence[Delivery]) -> None:
        """Write each event whole or not at all; one that comes again takes the place of the first."""
        for event in events:
            part = self._folder / f".{event.id}.part"
            with part.open("w", encoding="utf-8") as stream:
                json.dump(event.payload, stream)
                stream.flush()
                os.fsync(stream.fileno())
            part.rename(self._folder / f"{event.id}.json")
