"""Real photographs, their copies in other bytes, and files of their hashes."""

from io import BytesIO
from pathlib import Path

from classifier.images.decode import decode
from classifier.images.pdq import Pdq, pdq_of
from worker.labels.contents import sha256_of


def sharp_photographs(folder: Path, count: int) -> list[Path]:
    """The first photographs whose PDQ hash is good enough to be matched."""
    found: list[Path] = []
    for path in sorted((folder / "images").rglob("*.jpg")):
        if pdq_of_file(path).quality >= 80:
            found.append(path)
        if len(found) == count:
            return found
    raise LookupError(f"{folder} holds {len(found)} sharp photographs")


def pdq_of_file(path: Path) -> Pdq:
    """The perceptual hash of a whole picture."""
    return pdq_of(decode(path.read_bytes(), str(path)))


def sha256_of_file(path: Path) -> str:
    """The hash of a file's bytes."""
    return sha256_of(path.read_bytes())


def copy_of(path: Path, target: Path, *, scale: float = 1.0, quality: int = 60) -> Path:
    """The same picture as a JPEG of another size and quality."""
    image = decode(path.read_bytes(), str(path))
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    out = BytesIO()
    image.resize(size).save(out, "JPEG", quality=quality)
    target.write_bytes(out.getvalue())
    return target


def hash_file(folder: Path, *hashes: str, kind: str = "pdq") -> Path:
    """A file with a column of that kind."""
    path = folder / f"{kind}.csv"
    path.write_text("\n".join([kind, *hashes]) + "\n")
    return path
