"""The one way to an asset's bytes: the source of its scheme, under limits that hold for every source."""

from collections.abc import Generator
from contextlib import closing

from classifier.errors import AccessDeniedError, AssetError
from worker.errors import HostBusyError, RetryableError
from worker.fetch.buckets import BUCKET_SCHEMES, BucketSource
from worker.fetch.files import FileSource
from worker.fetch.plugins import load_source
from worker.fetch.source import AssetSource
from worker.fetch.web import WEB_SCHEMES, WebSource
from worker.network.addresses import Resolve, resolve_by_system
from worker.network.allowance import Allowance
from worker.settings import Settings
from worker.telemetry.redaction import redacted, shown


class Fetcher:
    """Fetches assets from several threads at once; sources and their connections are made when needed and kept."""

    def __init__(self, settings: Settings, resolve: Resolve = resolve_by_system) -> None:
        self._settings = settings
        self._resolve = resolve
        self._sources: dict[str, AssetSource] = {}

    def fetch(self, uri: str) -> bytes:
        """The bytes of the asset. Messages show the URI redacted.

        Raises AssetError: asset_not_found, access_denied, forbidden_address, fetch_timeout, image_too_large or
        unreadable_image; RetryableError when it cannot be had now, HostBusyError when its host says for how long.
        """
        allowance = Allowance(self._settings.asset_max_bytes, self._settings.fetch_total_s)
        try:
            return _collect(self._source(uri).chunks(uri, allowance), allowance)
        except AssetError as error:
            raise type(error)(redacted(str(error)), source=shown(uri)) from None
        except HostBusyError as error:
            raise HostBusyError(f"{shown(uri)}: {redacted(str(error))}", error.wait_s) from None
        except RetryableError as error:
            raise RetryableError(f"{shown(uri)}: {redacted(str(error))}") from None

    def _source(self, uri: str) -> AssetSource:
        scheme, separator, _ = uri.partition("://")
        scheme = scheme.lower()
        if not separator or scheme not in self._settings.asset_schemes:
            known = ", ".join(self._settings.asset_schemes)
            raise AccessDeniedError(f"not of an allowed scheme (CLADIST_ASSET_SCHEMES: {known})")
        made = self._sources.get(scheme)
        # Without a lock: a driver that is slow to start holds up its own assets only; of two made at once one stays.
        return made if made is not None else self._sources.setdefault(scheme, self._make(scheme))

    def _make(self, scheme: str) -> AssetSource:
        if scheme == "file":
            return FileSource(self._settings.asset_roots)
        if scheme in WEB_SCHEMES:
            return WebSource(self._settings, self._resolve)
        if scheme in BUCKET_SCHEMES:
            return BucketSource(scheme, self._settings.asset_buckets)
        return load_source(scheme)


def _collect(chunks: Generator[bytes], allowance: Allowance) -> bytes:
    pieces: list[bytes] = []
    size_bytes = 0
    with closing(chunks):
        for piece in chunks:
            allowance.left_s()
            size_bytes += len(piece)
            allowance.refuse_larger(size_bytes)
            pieces.append(piece)
    return b"".join(pieces)
