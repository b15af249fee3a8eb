"""Validation of IP addresses and CIDR blocks, strictly, as since StrictIPCIDRValidation (KEP-4858), tolerating what was stored."""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Sequence

from sagong.api.field_errors import Errors

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LEADING_ZEROS = re.compile(r"(?<![0-9a-fA-F:])0+(?=[0-9])")


@functools.lru_cache(4096)
def parse(text: str) -> Address | None:
    """Parse an address as Go's old parser does: IPv4 parts may have leading zeros, no zones."""
    try:
        return ipaddress.ip_address(_without_zeros(text))
    except ValueError:
        return None


@functools.lru_cache(4096)
def parse_network(text: str) -> Network | None:
    """Parse a CIDR block leniently: leading zeros and host bits are cut."""
    address, slash, length = text.partition("/")
    if not slash or not length.isdecimal():
        return None
    try:
        return ipaddress.ip_network(f"{_without_zeros(address)}/{int(length)}", strict=False)
    except ValueError:
        return None


def ip(errors: Errors, path: str, text: str, known: Sequence[str] = ()) -> None:
    """Check an address of a field that once took sloppy ones; those in `known` are tolerated."""
    if text not in known:
        _ip(errors, path, text)


def canonical_ip(errors: Errors, path: str, text: str) -> None:
    """Check an address that must be written in its canonical form."""
    before = len(errors)
    address = _ip(errors, path, text)
    if len(errors) == before and address is not None and str(address) != text:
        errors.invalid(path, text, f'must be in canonical form ("{address}")')


def _ip(errors: Errors, path: str, text: str) -> Address | None:
    address = parse(text)
    if address is None or "%" in text:
        errors.invalid(path, text, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")
        return None
    if _without_zeros(text) != text:
        errors.invalid(path, text, "must not have leading 0s")
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        errors.invalid(path, text, "must not be an IPv4-mapped IPv6 address")
    return address


def cidr(errors: Errors, path: str, text: str, known: Sequence[str] = ()) -> None:
    """Check a block of a field that once took sloppy ones; those in `known` are tolerated."""
    if text not in known:
        _cidr(errors, path, text)


def canonical_cidr(errors: Errors, path: str, text: str) -> None:
    """Check a block that must be written in its canonical form."""
    before = len(errors)
    network = _cidr(errors, path, text)
    if len(errors) == before and network is not None and str(network) != text:
        errors.invalid(path, text, f'must be in canonical form ("{network}")')


def interface_address(errors: Errors, path: str, text: str) -> None:
    """Check an address with the length of its network's prefix."""
    network, address = parse_network(text), parse(text.partition("/")[0])
    if network is None or address is None:
        errors.invalid(path, text, "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)")
    elif text != f"{address}/{network.prefixlen}":
        errors.invalid(path, text, f'must be in canonical form ("{address}/{network.prefixlen}")')


def _cidr(errors: Errors, path: str, text: str) -> Network | None:
    network = parse_network(text)
    if network is None:
        errors.invalid(path, text, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")
        return None
    address, _, length = text.partition("/")
    if _without_zeros(address) != address or length != str(int(length)):
        errors.invalid(path, text, "must not have leading 0s in IP or prefix length")
    elif isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped:
        errors.invalid(path, text, "must not have an IPv4-mapped IPv6 address")
    elif parse(address) != network.network_address:
        errors.invalid(path, text, "must not have bits set beyond the prefix length")
    return network


def endpoint_ip(errors: Errors, path: str, text: str) -> None:
    """Refuse addresses that no endpoint can have: unspecified, loopback, link-local."""
    address = parse(text)
    if address is None:
        errors.invalid(path, text, "must be a valid IP address")
        return
    if address.is_unspecified:
        errors.invalid(path, text, f"may not be unspecified ({text})")
    if address.is_loopback:
        errors.invalid(path, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)")
    if address in (_LINK_LOCAL_4 if address.version == 4 else _LINK_LOCAL_6):  # noqa: PLR2004 # IP versions
        errors.invalid(path, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    if address in (_MULTICAST_4 if address.version == 4 else _MULTICAST_6):  # noqa: PLR2004 # IP versions
        errors.invalid(path, text, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")


_LINK_LOCAL_4, _LINK_LOCAL_6 = ipaddress.ip_network("169.254.0.0/16"), ipaddress.ip_network("fe80::/10")
_MULTICAST_4, _MULTICAST_6 = ipaddress.ip_network("224.0.0.0/24"), ipaddress.ip_network("ff02::/16")


def is_dual_stack(texts: Sequence[str]) -> bool:
    """Say whether addresses or blocks are of both families."""
    versions = {found.version for text in texts if (found := parse(text.partition("/")[0])) is not None}
    return len(versions) > 1


def _without_zeros(text: str) -> str:
    return _LEADING_ZEROS.sub("", text) if "." in text else text
