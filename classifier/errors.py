"""Errors of the classifier; `code` is the stable failure code of the design where a job can fail with it."""

from typing import ClassVar

from taxonomy import CladistError


class ManifestError(CladistError):
    """A labels.csv that cannot be used; the message names file and line."""


class TableError(CladistError):
    """A feature table that cannot be used; the message names file and line."""


class UnknownNodeError(ManifestError):
    """A label at a node that the taxonomy does not have."""


class MissingImageError(ManifestError):
    """A row whose image cannot be found."""


class DataCheckError(CladistError):
    """Data that a check was asked to refuse, or a sample that it cannot use."""


class TrainingError(CladistError):
    """Training that cannot start or go on."""


class CalibrationError(CladistError):
    """Too little data for the calibration that was asked for."""


class ReportError(CladistError):
    """A report that cannot be written; the message names the file."""


class DecodeError(CladistError):
    """Decode options that leave nothing to say."""


class BundleError(CladistError):
    """A bundle that is missing, damaged or of another taxonomy release."""

    code: ClassVar[str] = "bundle_not_found"


class ReleaseMismatchError(BundleError):
    """A bundle and a taxonomy of different releases."""

    code: ClassVar[str] = "taxonomy_mismatch"


class AssetError(CladistError):
    """An asset that can never be classified as it is."""

    code: ClassVar[str] = "internal_error"


class UnreadableImageError(AssetError):
    """Empty, truncated or damaged image data."""

    code: ClassVar[str] = "unreadable_image"


class UnsupportedFormatError(AssetError):
    """Data in no allowed image format, whatever its name says."""

    code: ClassVar[str] = "unsupported_format"


class ImageTooLargeError(AssetError):
    """An image of more pixels, or a file of more bytes, than allowed."""

    code: ClassVar[str] = "image_too_large"


class AssetNotFoundError(AssetError):
    """No asset at the address."""

    code: ClassVar[str] = "asset_not_found"


class AccessDeniedError(AssetError):
    """An asset that may not be read."""

    code: ClassVar[str] = "access_denied"


class ForbiddenAddressError(AssetError):
    """An asset at an address of the network that may not be asked."""

    code: ClassVar[str] = "forbidden_address"


class FetchTimeoutError(AssetError):
    """An asset that did not arrive in the time allowed."""

    code: ClassVar[str] = "fetch_timeout"


def first_line(error: Exception) -> str:
    """What a library's error says, in one line: its heading, and what follows where the heading ends in a colon."""
    lines = [line.strip() for line in str(error).splitlines()] or [type(error).__name__]
    return " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]
