"""Which network addresses a webhook may reach: public ones only.

An endpoint is chosen by a client, so without this rule it could point our own requests at our own machines. The rule
is asked three times: when a subscription is created (literal addresses), when a name is resolved, and when the socket
is made, which is the one that can't be avoided: whatever a name resolved to a moment ago, the address that is about
to be connected is the one that is judged.
"""

import ipaddress
import socket
from collections.abc import Sequence

from aiohttp.abc import AbstractResolver, ResolveResult

AddrInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[object, ...]]

# IPv6 outside of 2000::/3 is local, reserved or multicast, and so is IPv4 dressed as IPv6 (::ffff:0:0/96, ::/96,
# NAT64 64:ff9b::/96 and 64:ff9b:1::/48). Inside it, these are refused too.
# Source: IANA IPv6 Special-Purpose Address Registry, and RFC 6890.
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_FORBIDDEN_V6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",  # documentation
    )
)
_FORBIDDEN_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays
    )
)


class AddressForbidden(OSError):
    """The address is not public. Its text is always the same, so that several refusals stay one error."""

    def __init__(self) -> None:
        super().__init__("webhooks go to public addresses only")


def is_public(address: str) -> bool:
    """Tell whether a literal IP address may be reached; what is not an address is not public.

    >>> is_public("93.184.215.14"), is_public("10.0.0.1"), is_public("::ffff:10.0.0.1")
    (True, False, False)
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        return ip in _GLOBAL_V6 and not any(ip in network for network in _FORBIDDEN_V6)
    return (
        ip.is_global
        and not ip.is_multicast
        and not ip.is_reserved
        and not any(ip in network for network in _FORBIDDEN_V4)
    )


class PublicResolver(AbstractResolver):
    """Resolves through another resolver and forgets every address that is not public."""

    def __init__(self, resolver: AbstractResolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the public addresses of a name.

        Raises:
            AddressForbidden: the name has addresses, and none is public.
            OSError: the name has none.
        """
        found = await self._resolver.resolve(host, port, family)
        allowed = [result for result in found if is_public(result["host"])]
        if not found:
            raise OSError(socket.EAI_NONAME, "the name has no address")
        if not allowed:
            raise AddressForbidden
        return allowed

    async def close(self) -> None:
        """Close the resolver behind."""
        await self._resolver.close()


def public_socket(addr_info: AddrInfo) -> socket.socket:
    """Make the socket for an address that is about to be connected.

    Raises:
        AddressForbidden: the address is not public.
    """
    if not is_public(_host(addr_info[4])):
        raise AddressForbidden
    return any_socket(addr_info)


def any_socket(addr_info: AddrInfo) -> socket.socket:
    """Make the socket for an address, whichever it is: for operators who allowed private ones."""
    family, kind, protocol, _, _ = addr_info
    return socket.socket(family=family, type=kind, proto=protocol)


def _host(address: Sequence[object]) -> str:
    return str(address[0]).split("%", 1)[0]
