"""Seconds and peak memory that hostile files cost, each in a process of its own: images, packed fetches, taxonomies.

usage: python benchmarks/bounds.py [--only WORDS] [--scale 1.0] [--pixels 64000000] [--json]

Every taxonomy is read at a size and at twice that, detection and compilation included: `growth` is the ratio of the
seconds, 2 where the cost is linear, 4 where it is quadratic. `peak` is the memory above what the process held before.
"""

import argparse
import gzip
import importlib.util
import json
import resource
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hostile_texts import TEXTS, Maker

FETCHES = 8
TRAILER_BYTES = 48 * 2**20  # after the end of the packed stream
MAX_FETCH_BYTES = 16 * 2**20


def picture(form: str, mode: str = "RGBA", *, column: bool = False) -> Callable[[int], bytes]:
    """Maker of an image of so many pixels, square or one pixel wide."""

    def make(pixels: int) -> bytes:
        from PIL import Image  # noqa: PLC0415 (the process that starts the others stays small: theirs begin as its copies)

        if form == "HEIF":
            import pillow_heif  # noqa: PLC0415 (an extra)

            pillow_heif.register_heif_opener()
        width = 1 if column else int(pixels**0.5)
        stream = BytesIO()
        options = (
            {"progressive": True} if form == "JPEG" else {"compression": "tiff_adobe_deflate"} if form == "TIFF" else {}
        )
        Image.new(mode, (width, pixels // width), 1).save(stream, form, **options)
        return stream.getvalue()

    return make


def trailer(_: int) -> bytes:
    """A packed body that ends at once, and far more bytes behind its end."""
    return gzip.compress(b"not an image") + bytes(TRAILER_BYTES)


IMAGES: Mapping[str, Callable[[int], bytes]] = {
    "PNG, one column": picture("PNG", column=True),
    "PNG, square": picture("PNG"),
    "PNG, 16 bits": picture("PNG", "I;16"),
    "JPEG, progressive CMYK": picture("JPEG", "CMYK"),
    "TIFF, CMYK": picture("TIFF", "CMYK"),
    "TIFF, floats": picture("TIFF", "F"),
    "WebP, square": picture("WEBP"),
    "AVIF, square": picture("AVIF"),
    **({"HEIC, square": picture("HEIF")} if importlib.util.find_spec("pillow_heif") else {}),
}
FETCH = f"gzip trailer, {FETCHES} fetches"


def read_image(path: Path) -> Callable[[], str]:
    """What decodes the file, with all that it needs imported."""
    from classifier.errors import AssetError  # noqa: PLC0415 (as above)
    from classifier.images.decode import MAX_FILE_BYTES, decode_picture  # noqa: PLC0415

    content = path.read_bytes()
    assert len(content) <= MAX_FILE_BYTES

    def run() -> str:
        try:
            image = decode_picture(content, "hostile", 224).image
        except AssetError as error:
            return str(error.code)
        return f"{image.width} x {image.height}"

    return run


def read_packed(path: Path) -> Callable[[], str]:
    """What unpacks the body several times at once, as fetch threads do."""
    from classifier.errors import AssetError  # noqa: PLC0415 (as above)
    from worker.fetch.web import unpacked  # noqa: PLC0415
    from worker.network.allowance import Allowance  # noqa: PLC0415

    def fetch(_: int) -> str:
        try:
            with path.open("rb") as stream:
                chunks = iter(lambda: stream.read(2**16), b"")
                return f"{sum(map(len, unpacked(chunks, 'gzip', Allowance(MAX_FETCH_BYTES, 600))))} bytes"
        except (AssetError, zlib.error) as error:
            return str(getattr(error, "code", None) or error)[:60]

    def run() -> str:
        with ThreadPoolExecutor(FETCHES) as pool:
            return ", ".join(sorted(set(pool.map(fetch, range(FETCHES)))))

    return run


def read_text(path: Path) -> Callable[[], str]:
    """What reads and compiles the taxonomy, with every format imported."""
    import openpyxl  # noqa: F401, PLC0415 (as above; formats import these three when they first meet such a file)
    import rdflib  # noqa: PLC0415
    import yaml  # noqa: F401, PLC0415

    from taxonomy import Hierarchy, TaxonomyError, read_taxonomy  # noqa: PLC0415
    from taxonomy.formats.registry import format_names, get_format  # noqa: PLC0415

    for name in format_names():
        get_format(name)
    for form, text in {"turtle": "", "xml": "<x/>", "json-ld": "{}", "nquads": ""}.items():
        rdflib.Dataset().parse(data=text, format=form)

    def run() -> str:
        try:
            return f"{len(Hierarchy.compile(read_taxonomy(path)))} nodes"
        except TaxonomyError as error:
            return error.message[:60]

    return run


def measure(name: str, path: Path) -> None:
    """Read the file, and print seconds, memory and what became of it as JSON."""
    prepare = read_text if name in TEXTS else read_packed if name == FETCH else read_image
    run = prepare(path)
    held_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    outcome = run()
    seconds = time.perf_counter() - started
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held_kb
    print(json.dumps({"seconds": seconds, "peak_mb": peak_kb / 1024, "outcome": outcome}))


def make(name: str, size: int, path: Path) -> None:
    """Write the file of a case: `size` is its bytes, or its pixels."""
    makers: dict[str, Maker] = {**{title: maker for title, (_, maker) in TEXTS.items()}, **IMAGES, FETCH: trailer}
    content = makers[name](size)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def in_process(name: str, *options: str) -> str:
    """What this script prints when it is asked for one step, in a process of its own."""
    command = [sys.executable, __file__, "--case", name, *options]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def case(name: str, size: int, folder: Path) -> dict[str, Any]:
    """Make and measure one file."""
    path = folder / "hostile"
    in_process(name, "--make", str(size), "--file", str(path))
    found = json.loads(in_process(name, "--file", str(path)))
    return {"case": name, "bytes": path.stat().st_size, **found}


def cases(words: str, scale: float, pixels: int) -> list[dict[str, Any]]:
    """All cases whose names hold the words."""
    rows = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        for title in (each for each in (*IMAGES, FETCH) if words in each):
            row = case(title, pixels, folder)
            rows.append({**row, "bytes_a_pixel": row["peak_mb"] * 2**20 / pixels if title in IMAGES else None})
        for title in (each for each in TEXTS if words in each):
            size = int(TEXTS[title][0] * scale)
            once, twice = case(title, size, folder), case(title, 2 * size, folder)
            rows += [once, {**twice, "growth": twice["seconds"] / max(once["seconds"], 0.001)}]
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    """Print a table."""
    print(f"{'case':<28}{'bytes':>11}{'s':>8}{'growth':>8}{'peak MB':>9}{'a pixel':>9}  outcome")
    for row in rows:
        growth = f"{row['growth']:.1f}" if "growth" in row else ""
        a_pixel = f"{row['bytes_a_pixel']:.1f}" if row.get("bytes_a_pixel") else ""
        print(f"{row['case']:<28}{row['bytes']:>11,}{row['seconds']:>8.2f}{growth:>8}{row['peak_mb']:>9.0f}{a_pixel:>9}"
              f"  {row['outcome']}")  # fmt: skip


def main() -> None:
    """Make, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORDS", help="cases whose names hold these words")
    parser.add_argument("--scale", type=float, default=1.0, help="of the sizes of taxonomies")
    parser.add_argument("--pixels", type=int, default=64_000_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--make", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make is not None:
        make(options.case, options.make, options.file)
    elif options.case:
        measure(options.case, options.file)
    else:
        rows = cases(options.only, options.scale, options.pixels)
        print(json.dumps(rows)) if options.json else show(rows)


if __name__ == "__main__":
    main()
