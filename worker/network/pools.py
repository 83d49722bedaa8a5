"""Pools of http(s) connections that go to checked addresses only."""

import ipaddress
from typing import Any

import httpcore2
import httpx2

from worker.network.addresses import Gate
from worker.network.connections import CheckedBackend

_IDLE_CONNECTIONS = 64
_IDLE_S = 30.0
_EVERYWHERE = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))


def open_pool(proxy: str, gate: Gate) -> httpcore2.ConnectionPool:
    """Connections to checked addresses, or all of them through a proxy, which may be anywhere."""
    options: dict[str, Any] = {
        "ssl_context": httpcore2.default_ssl_context(),
        "max_connections": None,  # as many as there are threads that ask
        "max_keepalive_connections": _IDLE_CONNECTIONS,
        "keepalive_expiry": _IDLE_S,
    }
    if not proxy:
        return httpcore2.ConnectionPool(network_backend=CheckedBackend(gate), **options)
    url = httpx2.URL(proxy)
    return httpcore2.HTTPProxy(
        httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=b"/"),
        (url.username, url.password) if url.userinfo else None,
        network_backend=CheckedBackend(Gate(networks=_EVERYWHERE, resolve=gate.resolve)),
        **options,
    )
