"""What a source of assets must offer."""

from collections.abc import Generator
from typing import Protocol

from worker.network.allowance import Allowance


class AssetSource(Protocol):
    """Where the assets of a URI scheme come from; called from several threads at once.

    A third party offers one as an entry point of the group `cladist.asset_sources`: its name is the scheme, and it
    names something that makes the source when called without arguments.
    """

    def chunks(self, uri: str, allowance: Allowance) -> Generator[bytes]:
        """The asset's bytes, piece by piece; between pieces the caller counts bytes and time, and may stop.

        Raises AssetError when the asset can never be had, RetryableError when it cannot be had now. Messages say what
        is wrong; the caller puts the URI, redacted, in front.
        """
