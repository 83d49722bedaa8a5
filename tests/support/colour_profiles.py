"""Small ICC profiles, built by hand: of three matrix columns and a gamma, of grey, and of four inks."""

import struct

DISPLAY_P3 = ((0.515121, 0.241196, -0.001053), (0.291977, 0.692245, 0.041885), (0.157104, 0.066574, 0.784073))
ADOBE_RGB = ((0.609741, 0.311111, 0.019470), (0.205276, 0.625671, 0.060867), (0.149185, 0.063217, 0.744568))
_WHITE_D50 = (0.9642, 1.0, 0.8249)


def rgb_profile(columns: tuple[tuple[float, float, float], ...], gamma: float) -> bytes:
    """A display profile: the XYZ columns of red, green and blue, adapted to D50."""
    primaries = [(name, _xyz(column)) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)]
    curves = [(name, _gamma(gamma)) for name in (b"rTRC", b"gTRC", b"bTRC")]
    return _profile(b"mntr", b"RGB ", b"XYZ ", [*primaries, *curves])


def grey_profile(gamma: float) -> bytes:
    """A profile of grey by one gamma."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", [(b"kTRC", _gamma(gamma))])


def ink_profile(strength: float) -> bytes:
    """A printer's profile: paper is white, each ink darkens by its share of `strength`."""
    table = []
    for corner in range(16):
        inks = [corner >> shift & 1 for shift in (3, 2, 1, 0)]
        lightness = 1 - strength * sum(inks) / 4
        table += [int(65280 * lightness), 32768 + 4000 * (inks[1] - inks[0]), 32768 + 4000 * (inks[2] - inks[0])]
    line = [0, 65535]
    head = b"mft2" + bytes(4) + bytes([4, 3, 2, 0]) + struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    curves = struct.pack(">2H", 2, 2) + struct.pack(">8H", *(line * 4))
    lut = head + curves + struct.pack(f">{len(table)}H", *table) + struct.pack(">6H", *(line * 3))
    return _profile(b"prtr", b"CMYK", b"Lab ", [(b"A2B0", lut)])


def _profile(kind: bytes, space: bytes, connection: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    described = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78)
    tags = [(b"desc", described), (b"cprt", b"text" + bytes(4) + b"none\0"), (b"wtpt", _xyz(_WHITE_D50)), *tags]
    at, entries, data = 128 + 4 + 12 * len(tags), b"", b""
    for name, body in tags:
        entries += name + struct.pack(">2I", at + len(data), len(body))
        data += body + bytes(-len(body) % 4)
    rest = struct.pack(">I", len(tags)) + entries + data
    head = struct.pack(">I4s", 128 + len(rest), bytes(4)) + struct.pack(">I", 0x02400000) + kind + space + connection
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _xyz(_WHITE_D50)[8:]
    return head.ljust(128, b"\0") + rest


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def _gamma(gamma: float) -> bytes:
    return (b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))).ljust(16, b"\0")
