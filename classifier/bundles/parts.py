"""The files of a bundle as they are opened: regular files of bounded size, and weights of the expected shapes."""

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from safetensors import SafetensorError, safe_open
from torch import Tensor

from classifier.errors import BundleError
from taxonomy.errors import first_line

MAX_JSON_BYTES = 64 * 2**20
MAX_WEIGHTS_BYTES = 16 * 2**30
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a FIFO that nobody writes to must not wait


def open_part(path: Path, most_bytes: int) -> BinaryIO:
    """Open a file of a bundle. Raises BundleError on links, devices, FIFOs, folders, and on more bytes than that."""
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        what = "a link, not a regular file" if error.errno == errno.ELOOP else first_line(error)
        raise BundleError(what, source=path) from None
    found = os.fstat(descriptor)
    is_regular = stat.S_ISREG(found.st_mode)
    if is_regular and found.st_size <= most_bytes:
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise BundleError(f"larger than {most_bytes} bytes" if is_regular else "not a regular file", source=path)


def require_part(path: Path, most_bytes: int) -> None:
    """Raise BundleError unless `open_part` opens it."""
    open_part(path, most_bytes).close()


def require_shapes(path: Path, expected: Mapping[str, Tensor]) -> None:
    """Raise BundleError unless the header of a safetensors file names just these tensors, in these shapes."""
    try:
        with safe_open(path, framework="pt") as weights:
            shapes = {name: tuple(weights.get_slice(name).get_shape()) for name in weights.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError) as error:
        raise BundleError(first_line(error), source=path) from None
    for name in sorted(shapes.keys() ^ expected.keys()):
        raise BundleError(f"lacks {name!r}" if name in expected else f"holds {name!r:.200}, unexpected", source=path)
    for name, tensor in expected.items():
        if shapes[name] != tuple(tensor.shape):
            raise BundleError(f"{name!r} has the shape {shapes[name]}, not {tuple(tensor.shape)}", source=path)
