"""Assets by content: `blob://SHA256` is the file SHA[:2]/SHA[2:] in BLOB_FOLDER, and is checked to be it."""

import hashlib
import os
import re
from collections.abc import Generator
from pathlib import Path

from classifier.errors import AssetNotFoundError, UnreadableImageError
from worker.network.allowance import Allowance

_CHUNK_BYTES = 2**20


class BlobSource:
    """Made once in a process, when the first asset is asked for; called from several threads."""

    def __init__(self) -> None:
        self._folder = Path(os.environ["BLOB_FOLDER"])

    def chunks(self, uri: str, allowance: Allowance) -> Generator[bytes]:
        """The blob, piece by piece; the caller counts bytes and time. Raises AssetError."""
        digest = uri.partition("://")[2]
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise AssetNotFoundError("not a sha256 in hexadecimal digits")
        found = hashlib.sha256()
        try:
            with (self._folder / digest[:2] / digest[2:]).open("rb") as stream:
                allowance.refuse_larger(os.fstat(stream.fileno()).st_size)
                while chunk := stream.read(_CHUNK_BYTES):
                    found.update(chunk)
                    yield chunk
        except FileNotFoundError:
            raise AssetNotFoundError("no such blob") from None
        if found.hexdigest() != digest:
            raise UnreadableImageError("the blob is not what its name says")
