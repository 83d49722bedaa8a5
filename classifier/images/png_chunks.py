"""A PNG without what cannot matter to its pixels: texts, dates, and chunks that are damaged but may be left out."""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from classifier.errors import UnreadableImageError

MAX_PROFILE_BYTES = 2**20  # unpacked

_MAX_CHUNKS = 65_536
_SIGNATURE_BYTES = 8
_DEPTH_AT = 24  # in the file, and the kind of colours behind it
_NEEDED = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_USED = frozenset({b"tRNS", b"iCCP", b"eXIf", b"acTL", b"fcTL", b"fdAT"})
_FIXED_BYTES = {b"acTL": 8, b"fcTL": 26}
_EXIF_TEXT = b"Raw profile type exif\0"  # how ImageMagick keeps EXIF
_XMP_TEXT = b"XML:com.adobe.xmp\0"
_GREY, _COLOUR = 0, 2
_DEEP = 16


class _Chunk(NamedTuple):
    kind: bytes
    start: int  # of the whole chunk
    body: memoryview
    checksum: bytes
    end: int

    def is_intact(self) -> bool:
        """Whether its checksum is right."""
        return bool(zlib.crc32(self.body, zlib.crc32(self.kind)).to_bytes(4, "big") == self.checksum)


def cleaned_png(content: bytes) -> bytes:
    """The same picture by its needed chunks and those that we use; the very same bytes where nothing is left out.

    Raises UnreadableImageError on more chunks than any picture has.
    """
    view = memoryview(content)
    depth, colour = content[_DEPTH_AT : _DEPTH_AT + 2].ljust(2, b"\0")
    pieces: list[bytes | memoryview] = [view[:_SIGNATURE_BYTES]]
    at, changed = _SIGNATURE_BYTES, False
    for number, chunk in enumerate(_chunks(content)):
        if number >= _MAX_CHUNKS:
            raise UnreadableImageError(f"more than {_MAX_CHUNKS} chunks")
        whole = view[chunk.start : chunk.end]
        kept = _kept(chunk, whole, depth, colour)
        changed = changed or kept is not whole
        if kept is not None:
            pieces.append(kept)
        at = chunk.end
    return b"".join([*pieces, view[at:]]) if changed else content


def _chunks(content: bytes) -> Iterator[_Chunk]:
    """Every whole chunk, up to the end of the picture."""
    view, at, kind = memoryview(content), _SIGNATURE_BYTES, b""
    while at + 12 <= len(content) and kind != b"IEND":
        end = at + 12 + int.from_bytes(content[at : at + 4], "big")
        if end > len(content):
            return
        kind = content[at + 4 : at + 8]
        yield _Chunk(kind, at, view[at + 8 : end - 4], content[end - 4 : end], end)
        at = end


def _kept(chunk: _Chunk, whole: memoryview, depth: int, colour: int) -> bytes | memoryview | None:
    """The chunk as the decoder shall see it; None to leave it out."""
    if chunk.kind in _NEEDED or not chunk.kind[0] & 0x20:
        return whole
    if chunk.kind not in _USED:
        return whole if _is_used_text(chunk) and chunk.is_intact() else None
    if not chunk.is_intact() or len(chunk.body) != _FIXED_BYTES.get(chunk.kind, len(chunk.body)):
        return None
    if chunk.kind == b"iCCP":
        return whole if _is_bounded(bytes(chunk.body).partition(b"\0")[2][1:]) else None
    return _transparency(chunk, whole, depth, colour) if chunk.kind == b"tRNS" else whole


def _is_used_text(chunk: _Chunk) -> bool:
    """Whether it is a text that may hold the orientation, and unpacks to little."""
    head = bytes(chunk.body[:32])
    if chunk.kind == b"zTXt" and head.startswith(_EXIF_TEXT):
        return _is_bounded(bytes(chunk.body[len(_EXIF_TEXT) + 1 :]))
    plain = chunk.kind == b"tEXt" and head.startswith(_EXIF_TEXT)
    xmp = chunk.kind == b"iTXt" and head.startswith(_XMP_TEXT + b"\0")
    return (plain or xmp) and len(chunk.body) <= MAX_PROFILE_BYTES


def _is_bounded(packed: bytes) -> bool:
    """Whether it unpacks without error to what is allowed."""
    unpack = zlib.decompressobj()
    try:
        unpack.decompress(packed, MAX_PROFILE_BYTES - 1)
    except zlib.error:
        return False
    return unpack.eof


def _transparency(chunk: _Chunk, whole: memoryview, depth: int, colour: int) -> bytes | memoryview | None:
    """The transparent colour in the depth that Pillow decodes to: 8 bits, but for grey of 16."""
    count = {_GREY: 1, _COLOUR: 3}.get(colour)
    if count is None:
        return whole
    if len(chunk.body) < 2 * count:
        return None
    values = struct.unpack_from(f">{count}H", chunk.body)
    if colour == _COLOUR and depth == _DEEP:
        values = tuple(value >> 8 for value in values)
    elif colour == _GREY and depth in (2, 4):
        values = tuple(value * (255 // ((1 << depth) - 1)) for value in values)
    else:
        return whole
    body = struct.pack(f">{count}H", *(min(value, 0xFFFF) for value in values))
    return struct.pack(">I", len(body)) + b"tRNS" + body + struct.pack(">I", zlib.crc32(b"tRNS" + body))
