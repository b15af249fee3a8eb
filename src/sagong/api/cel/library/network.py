"""Addresses and networks: `ip("10.0.0.1").family()`, `cidr("10.0.0.0/8").containsIP("10.1.1.1")`."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any, ClassVar

from sagong.api.cel import types
from sagong.api.cel.declarations import Functions
from sagong.api.cel.errors import EvaluationError
from sagong.api.cel.values import Host

NETWORK = Functions()
_IP = NETWORK.type("IP", types.opaque("net.IP"))
_CIDR = NETWORK.type("CIDR", types.opaque("net.CIDR"))
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_PREFIX_LENGTH = re.compile("0|[1-9][0-9]{0,2}")
_GLOBAL_V4 = ipaddress.IPv4Address("255.255.255.255")


@dataclass(frozen=True, slots=True)
class Ip(Host):
    """An address."""

    cel_type: ClassVar = _IP
    flat_equality: ClassVar = True
    address: _Address

    def cel_size(self) -> int:
        """Bytes of the address."""
        return len(self.address.packed)

    def __str__(self) -> str:
        return str(self.address)


@dataclass(frozen=True, slots=True)
class Cidr(Host):
    """An address with the length of a prefix; the address may have bits beyond it."""

    cel_type: ClassVar = _CIDR
    flat_equality: ClassVar = True
    address: _Address
    bits: int

    def cel_size(self) -> int:
        """Bytes of the prefix."""
        return -(-self.bits // 8)

    @property
    def network(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        """The network."""
        return ipaddress.ip_network((self.address, self.bits), strict=False)

    def __str__(self) -> str:
        return f"{self.address}/{self.bits}"


def _address(text: str) -> _Address:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        reason = f'ParseAddr("{text}"): unable to parse IP'
        raise EvaluationError(f'IP Address "{text}" parse error during conversion from string: {reason}') from None
    if "%" in text:
        raise EvaluationError(f'IP address "{text}" with zone value is not allowed')
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        raise EvaluationError(f'IPv4-mapped IPv6 address "{text}" is not allowed')
    return address


def _ip(text: str) -> Ip:
    return Ip(_address(text))


def _cidr(text: str) -> Cidr:
    host, slash, bits = text.rpartition("/")
    wrong = "network address parse error during conversion from string: network address parse error during conversion from string: "
    if not slash:
        raise EvaluationError(f"{wrong}netip.ParsePrefix(\"{text}\"): no '/'")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise EvaluationError(f'{wrong}netip.ParsePrefix("{text}"): ParseAddr("{host}"): unable to parse IP') from None
    if "%" in host:
        raise EvaluationError(f'{wrong}netip.ParsePrefix("{text}"): IPv6 zones cannot be present in a prefix')
    if not _PREFIX_LENGTH.fullmatch(bits):
        raise EvaluationError(f'{wrong}netip.ParsePrefix("{text}"): bad bits after slash: "{bits}"')
    if int(bits) > address.max_prefixlen:
        raise EvaluationError(f'{wrong}netip.ParsePrefix("{text}"): prefix length out of range')
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        raise EvaluationError(
            f'network address parse error during conversion from string: IPv4-mapped IPv6 address "{text}" is not allowed'
        )
    return Cidr(address, int(bits))


def _holds(parse: Any) -> Any:
    def check(text: str) -> bool:
        try:
            parse(text)
        except EvaluationError:
            return False
        return True

    return check


def _contains_ip(outer: Cidr, inner: Ip | str) -> bool:
    address = inner.address if isinstance(inner, Ip) else _address(inner)
    return address.version == outer.address.version and address in outer.network


def _contains_cidr(outer: Cidr, inner: Cidr | str) -> bool:
    other = inner if isinstance(inner, Cidr) else _cidr(inner)
    return other.address.version == outer.address.version and outer.bits <= other.bits and other.address in outer.network


def _is_global_unicast(ip: Ip) -> bool:
    address = ip.address
    other = address.is_unspecified or address.is_loopback or address.is_multicast or _is_link_local(ip)
    return not other and address != _GLOBAL_V4


def _is_link_local(ip: Ip) -> bool:
    return ip.address.is_link_local and not ip.address.is_multicast


def _is_link_local_multicast(ip: Ip) -> bool:
    packed = ip.address.packed
    return packed[:3] == b"\xe0\0\0" if ip.address.version == 4 else packed[0] == 0xFF and packed[1] & 0x0F == 2  # noqa: PLR2004 - RFC 4291


def _declare() -> None:
    add = NETWORK.add
    add("ip", "string_to_ip (string) -> IP", _ip)
    add("ip", "cidr_ip CIDR.() -> IP", lambda cidr: Ip(cidr.address))
    add("ip.isCanonical", "ip_is_canonical (string) -> bool", lambda text: str(_address(text)) == text)
    add("isIP", "is_ip (string) -> bool", _holds(_address))
    add("family", "ip_family IP.() -> int", lambda ip: ip.address.version)
    add("isUnspecified", "ip_is_unspecified IP.() -> bool", lambda ip: ip.address.is_unspecified)
    add("isLoopback", "ip_is_loopback IP.() -> bool", lambda ip: ip.address.is_loopback)
    add("isLinkLocalMulticast", "ip_is_link_local_multicast IP.() -> bool", _is_link_local_multicast)
    add("isLinkLocalUnicast", "ip_is_link_local_unicast IP.() -> bool", _is_link_local)
    add("isGlobalUnicast", "ip_is_global_unicast IP.() -> bool", _is_global_unicast)
    add("string", "ip_to_string (IP) -> string", str)
    add("cidr", "string_to_cidr (string) -> CIDR", _cidr)
    add("isCIDR", "is_cidr (string) -> bool", _holds(_cidr))
    add("containsIP", "cidr_contains_ip_string CIDR.(string) -> bool", _contains_ip)
    add("containsIP", "cidr_contains_ip_ip CIDR.(IP) -> bool", _contains_ip)
    add("containsCIDR", "cidr_contains_cidr_string CIDR.(string) -> bool", _contains_cidr)
    add("containsCIDR", "cidr_contains_cidr CIDR.(CIDR) -> bool", _contains_cidr)
    add("prefixLength", "cidr_prefix_length CIDR.() -> int", lambda cidr: cidr.bits)
    add("masked", "cidr_masked CIDR.() -> CIDR", lambda cidr: Cidr(cidr.network.network_address, cidr.bits))
    add("string", "cidr_to_string (CIDR) -> string", str)


_declare()
