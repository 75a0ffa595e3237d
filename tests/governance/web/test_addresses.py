"""What may be called, by name and by address."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.web.addresses import Allowed, NotAllowed, is_public, literal

SPECIAL = """
0.0.0.0 127.0.0.1 127.255.255.254 10.1.2.3 172.16.0.1 172.31.255.1 192.168.1.1 169.254.169.254 169.254.170.2 100.64.0.1
100.100.100.200 168.63.129.16 192.0.0.192 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 192.88.99.1 224.0.0.1
239.255.255.250 240.0.0.1 255.255.255.255 :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1
64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 2002:7f00:1:: 2001:0:7f00:1:: 2001:db8::1 fc00::1 fd00:ec2::254 fe80::1
fe80::1%eth0 fec0::1 ff02::1 100::1 5f00::1
"""
PUBLIC = """
1.1.1.1 8.8.8.8 151.101.1.1 2606:4700::1111 2a00:1450::1 ::ffff:8.8.8.8 64:ff9b::808:808
"""


@pytest.mark.parametrize("address", SPECIAL.split())
def test_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    with pytest.raises(NotAllowed, match=r"OUTBOUND_ALLOWED_HOSTS=feed\.example:443"):
        Allowed().check_addresses("feed.example", 443, ["8.8.8.8", address])


@pytest.mark.parametrize("address", PUBLIC.split())
def test_public_addresses_pass(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
    Allowed().check_addresses("feed.example", 443, [address])


@given(st.ip_addresses())
def test_nothing_private_is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if is_public(address) and address not in ipaddress.ip_network("64:ff9b::/96"):
        mapped = getattr(address, "ipv4_mapped", None) or address
        marks = [mapped.is_private, mapped.is_loopback, mapped.is_link_local, mapped.is_multicast]
        assert not any(marks)


def test_a_listed_host_may_have_any_address_and_http() -> None:
    allowed = Allowed.of(["Feeds.Corp.", "mirror.corp:8080", "[FD00::0:5]:5000"])
    allowed.check_place("http", "feeds.corp", 81)
    allowed.check_addresses("feeds.corp", 81, ["10.0.0.1", "127.0.0.1"])
    allowed.check_place("http", "mirror.corp", 8080)
    allowed.check_addresses("fd00::5", 5000, ["fd00::5"])
    with pytest.raises(NotAllowed, match="port 8081"):
        allowed.check_place("https", "mirror.corp", 8081)
    with pytest.raises(NotAllowed):
        allowed.check_addresses("feeds.corp.evil.example", 443, ["10.0.0.1"])


def test_a_listed_network_holds_for_every_host_and_for_nothing_else() -> None:
    allowed = Allowed.of(["10.0.0.0/8"])
    allowed.check_addresses("registry.corp", 443, ["10.9.9.9"])
    with pytest.raises(NotAllowed):
        allowed.check_addresses("registry.corp", 443, ["10.9.9.9", "192.168.0.1"])
    with pytest.raises(NotAllowed, match="plain http"):
        allowed.check_place("http", "registry.corp", 80)


@pytest.mark.parametrize(
    "entry", ["", "a b", "https://x", "x:0", "x:99999", "x:port", ":", "x:", "10.0.0.0/99", "[::1"]
)
def test_a_wrong_entry_is_named(entry: str) -> None:
    with pytest.raises(ValueError):
        Allowed.of([entry])


@pytest.mark.parametrize("spelling", ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "::ffff:7f00:1"])
def test_a_proxy_is_not_asked_for_this_machine(spelling: str) -> None:
    assert literal(spelling)
    for host in (spelling, "localhost", "LOCALHOST.", "a.localhost"):
        with pytest.raises(NotAllowed):
            Allowed().check_literal(host, 443)
    Allowed().check_literal("feed.example", 443)
