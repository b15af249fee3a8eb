"""Addresses and blocks that are read although they are not written as they should be (KEP-4858)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from sagong.api.field_errors import quote
from sagong.api.short_cache import cached_when_short
from sagong.api.validation.addresses import parse, parse_network

_V4_IN_V6 = 96


def ip(at: str, text: str) -> list[str]:
    """Warn about an address; what is none at all is not warned about."""
    complaint = _ip(text)
    return [f"{at}: {complaint}"] if complaint else []


def ips(at: str, texts: Sequence[str]) -> list[str]:
    """Warn about a list of addresses."""
    return [warning for i, text in enumerate(texts) for warning in ip(f"{at}[{i}]", text)]


def ingress_ips(obj: object) -> list[str]:
    """Warn about the addresses of a load balancer, in the status of a Service or an Ingress."""
    found = obj.status.loadBalancer.ingress  # type: ignore[attr-defined] # both kinds have it, and no common type
    return ips("status.loadBalancer.ingress", [point.ip for point in found])


@cached_when_short(4096)
def _ip(text: str) -> str:
    address = parse(text)
    if address is None or str(address) == text:
        return "" if address is None or not _mapped(address) else _non_standard(text, address)
    if isinstance(address, ipaddress.IPv4Address) or _mapped(address):
        return _non_standard(text, address)
    if "." in text and _has_leading_zeros(text):
        return _non_standard(text, address)
    return f"IPv6 address {quote(text)} should be in RFC 5952 canonical format ({quote(str(address))})"


def _non_standard(text: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    return f"non-standard IP address {quote(text)} is invalid: use {quote(str(_plain(address)))}"


def _mapped(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None


def _plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


def _has_leading_zeros(text: str) -> bool:
    return any(len(part) > 1 and part.startswith("0") for part in text.rpartition(":")[2].split("."))


def cidr(at: str, text: str) -> list[str]:
    """Warn about a block; what is none at all is not warned about."""
    return [f"{at}: {complaint}" for complaint in _cidr(text)]


def cidrs(at: str, texts: Sequence[str]) -> list[str]:
    """Warn about a list of blocks."""
    return [warning for i, text in enumerate(texts) for warning in cidr(f"{at}[{i}]", text)]


@cached_when_short(4096)
def _cidr(text: str) -> tuple[str, ...]:
    said, _, length = text.partition("/")
    network, address = parse_network(text), parse(said)
    if network is None or address is None:
        return ()
    mapped, found = _mapped(address), []
    block = f"{_plain(network.network_address)}/{network.prefixlen - _V4_IN_V6 * mapped}"
    if address != network.network_address:
        alone = f"{_plain(address)}/{address.max_prefixlen}"
        found.append(f"CIDR value {quote(text)} is ambiguous in this context (should be {quote(block)} or {quote(alone)}?)")
    if mapped or length != str(network.prefixlen) or ("." in said and _has_leading_zeros(said)):
        found.append(f"non-standard CIDR value {quote(text)} is invalid: use {quote(block)}")
    if not found and network.version == 6 and block != text:  # noqa: PLR2004 - the IP version
        found.append(f"IPv6 CIDR value {quote(text)} should be in RFC 5952 canonical format ({quote(block)})")
    return tuple(found)
