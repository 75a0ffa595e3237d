"""Which hosts and addresses Portwarden may call: the public internet over https, and what the administrator lists.

No name is trusted: a name is what its addresses are, and every one of them has to pass (`connections.py` then connects
to one of those that were checked, so that a second answer of the name server changes nothing).
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Where https servers and registries are; any other port has to be listed with its host.
PORTS = frozenset({443, 5000, 8443})
# RFC 6890's registries know these as global; a cloud's own services answer there, or whoever tunnels them.
NOT_PUBLIC = tuple(map(ipaddress.ip_network, ("168.63.129.16/32", "192.88.99.0/24", "2002::/16")))
NAT64 = ipaddress.ip_network("64:ff9b::/96")
UNICAST = ipaddress.ip_network("2000::/3")
ENTRY = re.compile(r"(\[(?P<six>[0-9a-f:.]+)\]|(?P<host>[^\s:/\[\]]+))(:(?P<port>[0-9]{1,5}))?", re.ASCII)
HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?")


class NotAllowed(Exception):
    """The sentence says what was refused and how an administrator allows it."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the administrator listed: `host` (at every port), `host:port`, or a network (`10.0.0.0/8`) for any host."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = field(default=())

    @classmethod
    def of(cls, entries: Iterable[str]) -> Allowed:
        """Read the entries; ValueError names the one that is none of the three."""
        hosts, networks = set(), []
        for entry in entries:
            if "/" in entry:
                networks.append(ipaddress.ip_network(entry))
            else:
                hosts.add(_listed(entry))
        return cls(frozenset(hosts), tuple(networks))

    def lists(self, host: str, port: int) -> bool:
        """The host itself stands there: any of its addresses, http, and the port if the entry names none other."""
        return bool(self.hosts & {plain(host), f"{_bracketed(plain(host))}:{port}"})

    def check_place(self, scheme: str, host: str, port: int) -> None:
        """Refuse by name alone: plain http and unusual ports."""
        if scheme not in ("http", "https"):
            raise NotAllowed(f"{scheme or 'an address without a scheme'} is refused: only https addresses are called")
        if not self.lists(host, port) and not (port in PORTS and scheme == "https"):
            what = "plain http" if scheme == "http" else f"port {port}"
            raise NotAllowed(f"{what} at {host} is refused: {advice(host, port)}")

    def check_addresses(self, host: str, port: int, addresses: Sequence[str]) -> None:
        """Refuse the host unless all its addresses may be called."""
        if self.lists(host, port):
            return
        for text in addresses:
            address = ipaddress.ip_address(text)
            inside = any(address.version == network.version and address in network for network in self.networks)
            if not inside and not is_public(address):
                # The address stays unsaid: the sentence may reach people who do not know the inner network.
                raise NotAllowed(f"{host} is refused, its address is not a public one: {advice(host, port)}")

    def check_literal(self, host: str, port: int) -> None:
        """For a proxy that resolves names itself: refuse what is an address already, or this machine by name."""
        name = plain(host)
        if name == "localhost" or name.endswith((".localhost", ".localdomain")):
            self.check_addresses(host, port, ["127.0.0.1"])
        elif (address := literal(name)) is not None:
            self.check_addresses(host, port, [address])


def _listed(entry: str) -> str:
    """An entry as it is compared."""
    found = ENTRY.fullmatch(entry.strip().lower())
    host = (found["six"] or found["host"]).rstrip(".") if found else ""
    if found is None or (literal(host) is None and not HOST.fullmatch(host)):
        raise ValueError(f"{entry!r} is not a host, host:port or network")
    if found["port"] is None:
        return plain(host)
    if not 0 < int(found["port"]) < 65_536:
        raise ValueError(f"{entry!r} has no port number after its colon")
    return f"{_bracketed(plain(host))}:{int(found['port'])}"


def advice(host: str, port: int) -> str:
    """How it is allowed."""
    return f"an administrator can allow it with OUTBOUND_ALLOWED_HOSTS={_bracketed(plain(host))}:{port}"


def plain(host: str) -> str:
    """A host as it is compared: lower case, no final dot, an IPv6 address in its short form."""
    name = host.lower().rstrip(".")
    return str(ipaddress.ip_address(name)) if ":" in name else name


def literal(host: str) -> str | None:
    """The address that a host is already, in every spelling the resolver takes (`2130706433`, `0x7f.1`), or None."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return str(ipaddress.IPv4Address(socket.inet_aton(host)))
    except (OSError, ValueError):
        return None


def is_public(address: Address) -> bool:
    """A unicast address of the public internet; an IPv4 address inside an IPv6 one counts as itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in UNICAST or address.scope_id is not None:
            return False
    special = any(address.version == network.version and address in network for network in NOT_PUBLIC)
    return address.is_global and not address.is_multicast and not special


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
