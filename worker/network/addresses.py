"""Which hosts and addresses of the network may be asked."""

import ipaddress
import logging
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from classifier.errors import AssetNotFoundError, ForbiddenAddressError
from taxonomy.errors import first_line
from worker.errors import RetryableError

log = logging.getLogger("cladist.fetch")

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str], Sequence[str]]  # a name's addresses. Raises AssetNotFoundError, RetryableError

_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?")
_NUMBER = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)\.?")
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
# Special by their registries, yet global to some of the Pythons that we run on.
_SPECIAL = tuple(
    ipaddress.ip_network(text)
    for text in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)


def resolve_by_system(host: str) -> list[str]:
    """The addresses of a name, as the system resolves it."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in (socket.EAI_AGAIN, socket.EAI_MEMORY, socket.EAI_SYSTEM):
            raise RetryableError(f"the host's name cannot be resolved now: {first_line(error)}") from None
        raise AssetNotFoundError("no such host") from None
    except UnicodeError:
        raise AssetNotFoundError("no such host") from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True, slots=True)
class Gate:
    """What may be asked: `hosts` are patterns with `*`, none of them allows all; `networks` are allowed though special.

    A host passes when its name is allowed and every address that it has is public or lies in one of the networks.
    """

    hosts: Sequence[str] = ()
    networks: Sequence[Network] = ()
    resolve: Resolve = resolve_by_system
    setting: str = "CLADIST_ASSET_NETWORKS"  # that names the networks, for messages

    def addresses(self, host: str) -> list[str]:
        """The checked addresses of a host, to connect to without asking its name again.

        Raises ForbiddenAddressError, AssetNotFoundError, RetryableError.
        """
        literal = self.literal(host)
        if literal is not None:
            return [str(literal)]
        found = list(map(ipaddress.ip_address, self.resolve(host.lower())))
        if not found:
            raise AssetNotFoundError("no such host")
        for address in found:
            self._require(host, address)
        return [str(address) for address in found]

    def literal(self, host: str) -> Address | None:
        """The checked address that is written in place of a host's name; None where it is a name, which is allowed.

        All that can be checked where a proxy resolves the names. Raises ForbiddenAddressError.
        """
        name = host.lower()
        literal = _literal(name)
        plain = name.removesuffix(".")
        if self.hosts and not any(fnmatchcase(plain, pattern) for pattern in self.hosts):
            raise ForbiddenAddressError("not one of the allowed hosts (CLADIST_ASSET_HOSTS)")
        if literal is not None:
            self._require(host, literal)
        return literal

    def _require(self, host: str, address: Address) -> None:
        if not self.allows(address):
            log.warning("%s is not asked: it is at %s", host, address)
            raise ForbiddenAddressError(f"the host has no public address, and {self.setting} does not allow")

    def allows(self, address: Address) -> bool:
        """Whether an address is public, or in an allowed network; an IPv6 form of an IPv4 address is what it means."""
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self.networks) or is_public(address)


def is_public(address: Address) -> bool:
    """Whether an address is unicast and reachable from everywhere; a NAT64 address is what it embeds."""
    if any(address in network for network in _SPECIAL) or address.is_multicast:
        return False
    if isinstance(address, IPv4Address):
        return address.is_global
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address.is_global and address in _GLOBAL_UNICAST


def _literal(name: str) -> Address | None:
    """The address that is written in place of a name. Raises ForbiddenAddressError on one in an odd spelling."""
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        pass
    last = name.removesuffix(".").rpartition(".")[2]
    if _NAME.fullmatch(name) is None or _NUMBER.fullmatch(last):
        raise ForbiddenAddressError("neither the name of a host nor an address in its usual spelling")
    return None
