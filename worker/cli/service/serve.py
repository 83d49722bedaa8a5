"""`cladist serve`."""

from ipaddress import ip_address
from typing import Any

import click

from taxonomy import CladistError
from worker.settings import read_settings


class _Address(click.ParamType[str]):
    """An IP address of this machine."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The address; fails on a name, for which several may stand."""
        try:
            return str(ip_address("127.0.0.1" if value == "localhost" else value))
        except ValueError:
            self.fail(f"{str(value)[:80]!r} is no IP address (0.0.0.0 and :: are all of this machine)", param, ctx)


@click.command()
@click.option("--host", type=_Address(), default="127.0.0.1", show_default=True, help="The IP address to listen at.")
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True)
@click.option("--check", is_flag=True, help="Only try whether the database and the port can be had.")
def serve(*, host: str, port: int, check: bool) -> None:
    """Serve the HTTP API until SIGTERM or Ctrl-C, which let requests in flight be answered."""
    try:
        from worker.api import server  # noqa: PLC0415 (an extra)
    except ModuleNotFoundError as error:
        if error.name not in ("fastapi", "uvicorn"):
            raise
        raise CladistError("the HTTP API is not installed: pip install 'cladist[api]'") from None
    if check:
        server.check(read_settings(), host, port)
    else:
        server.serve(read_settings(), host, port)
