"""Fetch the bytes of an asset from where its URI says, if that is allowed."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from classifier.errors import AccessDeniedError
from classifier.images import read_image_file


def fetch(uri: str, roots: Sequence[Path]) -> bytes:
    """The bytes of a file URI. With roots, nothing outside them is read, by links neither.

    Raises AssetError: asset_not_found, access_denied, image_too_large or unreadable_image.
    """
    parts = urlsplit(uri)
    if parts.scheme != "file":
        raise AccessDeniedError(f"{uri}: only files can be fetched")
    path = Path(unquote(parts.path))
    if roots:
        path = path.resolve()
        if not any(path.is_relative_to(root) for root in roots):
            raise AccessDeniedError(f"{uri}: lies outside the asset roots")
    if path.exists() and not path.is_file():
        raise AccessDeniedError(f"{uri}: not a regular file")
    return read_image_file(path)
