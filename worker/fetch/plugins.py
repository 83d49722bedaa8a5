"""Sources of third parties, by entry point."""

import logging
from collections.abc import Generator
from importlib.metadata import entry_points
from typing import cast

from classifier.errors import AccessDeniedError, AssetError
from taxonomy.errors import first_line
from worker.errors import RetryableError
from worker.fetch.source import AssetSource
from worker.network.allowance import Allowance

log = logging.getLogger("cladist.fetch")

ENTRY_POINTS = "cladist.asset_sources"


def load_source(scheme: str) -> AssetSource:
    """The installed source of a scheme. Raises AccessDeniedError when there is none, or it cannot be loaded."""
    points = entry_points(group=ENTRY_POINTS, name=scheme)
    if not points:
        raise AccessDeniedError(f"no source for {scheme}: is installed (entry point {ENTRY_POINTS})")
    point = next(iter(points))
    try:
        return _Outside(scheme, cast("AssetSource", point.load()()))
    except Exception as error:
        log.exception("the source of %s: cannot be loaded", scheme)
        raise AccessDeniedError(f"the source of {scheme}: cannot be loaded: {first_line(error)}") from None


class _Outside:
    """A source of other people's code: an error that it does not declare costs the one asset, never the batch."""

    def __init__(self, scheme: str, inner: AssetSource) -> None:
        self._scheme = scheme
        self._inner = inner

    def chunks(self, uri: str, allowance: Allowance) -> Generator[bytes]:
        """What the source yields. Raises AssetError, RetryableError, and nothing else."""
        try:
            yield from self._inner.chunks(uri, allowance)
        except (AssetError, RetryableError):
            raise
        except Exception as error:
            log.exception("the source of %s: raised", self._scheme)
            raise RetryableError(f"the source of {self._scheme}: {type(error).__name__}: {first_line(error)}") from None
