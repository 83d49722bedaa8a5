"""Errors of the classifier, and the stable codes of what a job can fail with."""

from enum import StrEnum

from taxonomy.errors import CladistError


class Code(StrEnum):
    """Why a job failed, or how the last attempt at an open one ended: stable words.

    Each is explained in docs/reference/failure-codes.md.
    """

    UNREADABLE_IMAGE = "unreadable_image"
    UNSUPPORTED_FORMAT = "unsupported_format"
    IMAGE_TOO_LARGE = "image_too_large"
    ASSET_NOT_FOUND = "asset_not_found"
    ACCESS_DENIED = "access_denied"
    FORBIDDEN_ADDRESS = "forbidden_address"
    FETCH_TIMEOUT = "fetch_timeout"
    BUNDLE_NOT_FOUND = "bundle_not_found"
    BUNDLE_UNUSABLE = "bundle_unusable"
    TAXONOMY_MISMATCH = "taxonomy_mismatch"
    OUT_OF_ATTEMPTS = "out_of_attempts"
    INTERNAL_ERROR = "internal_error"
    WORKER_LOST = "worker_lost"  # of open jobs only: the last worker that ran it was lost


class ManifestError(CladistError):
    """A labels.csv that cannot be used; the message names file and line."""


class UnknownNodeError(ManifestError):
    """A label at a node that the taxonomy does not have."""


class ContradictionError(ManifestError):
    """A row of a labels file whose columns name two nodes."""


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
    """A bundle that cannot be used as it is: damaged, or in parts that do not fit each other."""

    code: Code | None = Code.BUNDLE_UNUSABLE


class BundleNotFoundError(BundleError):
    """No bundle in the folder, or another one than was asked for."""

    code: Code | None = Code.BUNDLE_NOT_FOUND


class BundleNotWrittenError(BundleError):
    """A bundle that cannot be written where it was asked for; no job fails with it."""

    code: Code | None = None


class ReleaseMismatchError(BundleError):
    """A bundle and a taxonomy of different releases."""

    code: Code | None = Code.TAXONOMY_MISMATCH


class AssetError(CladistError):
    """An asset that can never be classified as it is."""

    code: Code = Code.INTERNAL_ERROR


class UnreadableImageError(AssetError):
    """Empty, truncated or damaged image data."""

    code: Code = Code.UNREADABLE_IMAGE


class UnsupportedFormatError(AssetError):
    """Data in no allowed image format, whatever its name says."""

    code: Code = Code.UNSUPPORTED_FORMAT


class ImageTooLargeError(AssetError):
    """An image of more pixels, or a file of more bytes, than allowed."""

    code: Code = Code.IMAGE_TOO_LARGE


class AssetNotFoundError(AssetError):
    """No asset at the address."""

    code: Code = Code.ASSET_NOT_FOUND


class AccessDeniedError(AssetError):
    """An asset that may not be read."""

    code: Code = Code.ACCESS_DENIED


class ForbiddenAddressError(AssetError):
    """An asset at an address of the network that may not be asked."""

    code: Code = Code.FORBIDDEN_ADDRESS


class FetchTimeoutError(AssetError):
    """An asset that did not arrive in the time allowed."""

    code: Code = Code.FETCH_TIMEOUT
