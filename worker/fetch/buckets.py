"""Assets in object stores by fsspec: s3, gs, az, and memory for tests.

Where the store is and who asks is said by the environment of the process, in the driver's own words (AWS_ENDPOINT_URL,
GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_NAME ...), never by a URI.
"""

import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import fsspec
from fsspec.asyn import AsyncFileSystem, sync
from fsspec.exceptions import FSTimeoutError

from classifier.errors import (
    AccessDeniedError,
    AssetError,
    AssetNotFoundError,
    FetchTimeoutError,
    ForbiddenAddressError,
)
from taxonomy.errors import first_line
from worker.errors import RetryableError
from worker.network.allowance import Allowance

BUCKET_SCHEMES = ("s3", "gs", "az", "memory")

_EXTRAS = {"s3": "s3", "gs": "gcs", "az": "azure"}
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,221}")
_REFUSALS = (401, 403)
_CHUNK_BYTES = 8 * 2**20


class BucketSource:
    """The source of one scheme of object stores. With buckets, no other is read."""

    def __init__(self, scheme: str, buckets: Sequence[str]) -> None:
        self._store = _store(scheme)
        self._buckets = buckets

    def chunks(self, uri: str, allowance: Allowance) -> Generator[bytes]:
        """The object's bytes. Raises AssetError, RetryableError."""
        path = self._path(uri)
        with _meaning():
            info = self._ask("info", allowance, path)
            if info.get("type") == "directory":
                raise AccessDeniedError("not an object")
            size = int(info.get("size") or 0)
            allowance.refuse_larger(size)
            for start in range(0, size, _CHUNK_BYTES):
                yield self._ask("cat_file", allowance, path, start=start, end=min(start + _CHUNK_BYTES, size))

    def _path(self, uri: str) -> str:
        bucket, _, key = uri.partition("://")[2].partition("/")
        if _BUCKET.fullmatch(bucket) is None:
            raise ForbiddenAddressError("not the name of a bucket")
        if self._buckets and bucket not in self._buckets:
            raise AccessDeniedError("not one of the allowed buckets (CLADIST_ASSET_BUCKETS)")
        if not key:
            raise AssetNotFoundError("no object is named")
        return f"{bucket}/{key}"

    def _ask(self, method: str, allowance: Allowance, *args: Any, **options: Any) -> Any:
        """Call the driver; asynchronous ones are left when the time is over."""
        if isinstance(self._store, AsyncFileSystem):
            coroutine = getattr(self._store, f"_{method}")
            return sync(self._store.loop, coroutine, *args, timeout=allowance.left_s(), **options)
        return getattr(self._store, method)(*args, **options)


def _store(scheme: str) -> Any:
    try:
        return fsspec.filesystem(scheme, skip_instance_cache=True, use_listings_cache=False)
    except ImportError:
        needs = f"pip install cladist[{_EXTRAS[scheme]}]"
        raise AccessDeniedError(f"the driver for {scheme}: is not installed: {needs}") from None
    except Exception as error:  # noqa: BLE001 (each driver raises errors of its own)
        raise AccessDeniedError(f"the driver for {scheme}: cannot be used: {first_line(error)}") from None


@contextmanager
def _meaning() -> Iterator[None]:
    """Tell what an error of a driver means for the asset."""
    try:
        yield
    except (AssetError, RetryableError):
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise AssetNotFoundError("no such object") from None
    except IsADirectoryError:
        raise AccessDeniedError("not an object") from None
    except PermissionError as error:
        raise AccessDeniedError(f"the store refused: {first_line(error)}") from None
    except FSTimeoutError:
        raise FetchTimeoutError("the store did not answer in time") from None
    except Exception as error:  # noqa: BLE001 (each driver raises errors of its own)
        if _is_refusal(error):
            raise AccessDeniedError(f"the store refused: {first_line(error)}") from None
        raise RetryableError(f"the store failed: {type(error).__name__}: {first_line(error)}") from None


def _is_refusal(error: Exception) -> bool:
    """Whether a driver's own error says 401 or 403: Azure's by a number, Google's by a word."""
    return getattr(error, "status_code", None) in _REFUSALS or str(error).startswith("Forbidden")
