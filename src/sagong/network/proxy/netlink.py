"""What is asked of the kernel by netlink: to forget UDP flows, to route cluster IPs and other nodes' pods, whether a table is still there.

An own codec: pyroute2 does this and much else, in 9 MB.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from sagong.network.service_table import Family

_NETLINK_ROUTE, _NETLINK_NETFILTER = 0, 12
_REQUEST, _ACK, _DUMP, _CREATE, _REPLACE = 0x1, 0x4, 0x300, 0x400, 0x100
_ERROR, _DONE = 2, 3
_HEADER, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=HH")
_NESTED = 0x8000
_NFPROTO = {"inet": 1, "ip": socket.AF_INET, "ip6": socket.AF_INET6}
_AF = {"ip": socket.AF_INET, "ip6": socket.AF_INET6}
# linux/netfilter/nfnetlink_conntrack.h
_GET_FLOWS, _DELETE_FLOW = 0x101, 0x102
_ORIGINAL, _REPLY, _FILTER = 1, 2, 25
_TUPLE_IP, _TUPLE_PROTO = 1, 2
_V4_SRC, _V4_DST, _V6_SRC, _V6_DST = 1, 2, 3, 4
_PROTO_NUMBER, _PROTO_SRC, _PROTO_DST = 1, 2, 3
_FILTER_ORIGINAL, _FILTER_PROTO_NUMBER = 1, 1 << 3
# linux/netfilter/nf_tables.h
_GET_TABLE, _TABLE_NAME = 0xA01, 1
# linux/rtnetlink.h
_NEW_ROUTE, _DELETE_ROUTE, _GET_ROUTE = 24, 25, 26
_TABLE_MAIN, _BOOT, _LINK, _UNICAST, _DST, _OIF, _GATEWAY = 254, 3, 253, 1, 1, 4, 5
_ROUTE = struct.Struct("=BBBBBBBBI")  # family, lengths of destination and source, TOS, table, protocol, scope, type, flags
NODES = 73
"""The protocol number of routes to other nodes' pods; none of those in /etc/iproute2/rt_protos."""


class Flow(NamedTuple):
    """A tracked UDP flow: where its first packet was sent, and who answers. `original` is the kernel's key for it."""

    destination: str
    port: int
    answered_by: str
    answering_port: int
    original: bytes


def udp_flows(family: Family) -> list[Flow]:
    """Return all tracked UDP flows of a family; before Linux 5.8 the kernel sends the others as well. Raises OSError."""
    proto = _attribute(_TUPLE_PROTO | _NESTED, _attribute(_PROTO_NUMBER, bytes((socket.IPPROTO_UDP,))))
    wanted = _attribute(_ORIGINAL | _NESTED, proto)
    chosen = _attribute(_FILTER | _NESTED, _attribute(_FILTER_ORIGINAL, struct.pack("=I", _FILTER_PROTO_NUMBER)))
    payload = struct.pack("=BBH", _AF[family], 0, 0) + wanted + chosen
    return [flow for body in _ask(_NETLINK_NETFILTER, _GET_FLOWS, _DUMP, payload) if (flow := _flow(body[4:])) is not None]


def delete_flows(family: Family, flows: Iterable[Flow]) -> int:
    """Make the kernel forget flows; return how many it still had. Raises OSError."""
    count = 0
    for flow in flows:
        payload = struct.pack("=BBH", _AF[family], 0, 0) + _attribute(_ORIGINAL | _NESTED, flow.original)
        try:
            list(_ask(_NETLINK_NETFILTER, _DELETE_FLOW, _ACK, payload))
        except FileNotFoundError:
            continue
        count += 1
    return count


def has_table(family: str, name: str) -> bool:
    """Say whether an nftables table exists. Raises OSError when the kernel does not say."""
    payload = struct.pack("=BBH", _NFPROTO[family], 0, 0) + _attribute(_TABLE_NAME, name.encode() + b"\0")
    try:
        list(_ask(_NETLINK_NETFILTER, _GET_TABLE, _ACK, payload))
    except FileNotFoundError:
        return False
    return True


def route_to_loopback(network: str) -> None:
    """Route an IPv4 range to lo, where its packets never arrive: the rules rewrite or refuse them first. Raises OSError."""
    net = ipaddress.ip_network(network)
    header = _ROUTE.pack(socket.AF_INET, net.prefixlen, 0, 0, _TABLE_MAIN, _BOOT, _LINK, _UNICAST, 0)
    attributes = _attribute(_DST, net.network_address.packed) + _attribute(_OIF, struct.pack("=I", socket.if_nametoindex("lo")))
    list(_ask(_NETLINK_ROUTE, _NEW_ROUTE, _ACK | _CREATE | _REPLACE, header + attributes))


def node_routes() -> dict[str, str]:
    """Return the routes to other nodes' pods: range -> gateway. Raises OSError."""
    found = {}
    for family in (socket.AF_INET, socket.AF_INET6):
        for body in _ask(_NETLINK_ROUTE, _GET_ROUTE, _DUMP, _ROUTE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)):
            _, length, _, _, table, protocol, *_ = _ROUTE.unpack_from(body)
            parts = _attributes(body[_ROUTE.size :])
            if (table, protocol) == (_TABLE_MAIN, NODES) and _DST in parts and _GATEWAY in parts:
                found[f"{ipaddress.ip_address(parts[_DST])}/{length}"] = str(ipaddress.ip_address(parts[_GATEWAY]))
    return found


def add_node_route(network: str, gateway: str) -> None:
    """Route a range by way of another node. Raises OSError, with ENETUNREACH or EHOSTUNREACH for one that is on no link of ours."""
    header, destination = _node_route(network)
    attributes = destination + _attribute(_GATEWAY, ipaddress.ip_address(gateway).packed)
    list(_ask(_NETLINK_ROUTE, _NEW_ROUTE, _ACK | _CREATE | _REPLACE, header + attributes))


def delete_node_route(network: str) -> None:
    """Delete such a route; none is no error. Raises OSError."""
    with suppress(ProcessLookupError):  # ESRCH
        list(_ask(_NETLINK_ROUTE, _DELETE_ROUTE, _ACK, b"".join(_node_route(network))))


def _node_route(network: str) -> tuple[bytes, bytes]:
    net = ipaddress.ip_network(network)
    family = socket.AF_INET6 if net.version == 6 else socket.AF_INET  # noqa: PLR2004 - IPv6
    header = _ROUTE.pack(family, net.prefixlen, 0, 0, _TABLE_MAIN, NODES, 0, _UNICAST, 0)
    return header, _attribute(_DST, net.network_address.packed)


def has_route(address: str) -> bool:
    """Say whether this machine knows a way to an address. Nothing is sent."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
        except OSError:
            return False
        return True


def _ask(protocol: int, kind: int, flags: int, payload: bytes) -> Iterator[bytes]:
    """Send one request and yield the bodies of its answers. Raises OSError for what the kernel refuses."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as link:
        link.bind((0, 0))
        link.settimeout(5.0)
        link.send(_HEADER.pack(_HEADER.size + len(payload), kind, _REQUEST | flags, 1, 0) + payload)
        while True:
            data = link.recv(1 << 16)
            for answered, body in _messages(data):
                if answered == _DONE:
                    return
                if answered != _ERROR:
                    yield body
                    continue
                (code,) = struct.unpack_from("=i", body)
                if code:
                    raise OSError(-code, os.strerror(-code) if -code in errno.errorcode else str(code))
                return


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, offset)
        yield kind, data[offset + _HEADER.size : offset + length]
        offset += (length + 3) & ~3


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


def _attributes(data: bytes) -> dict[int, bytes]:
    found, offset = {}, 0
    while offset + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        found[kind & 0x3FFF] = data[offset + _ATTRIBUTE.size : offset + length]
        offset += max(_ATTRIBUTE.size, (length + 3) & ~3)
    return found


def _flow(body: bytes) -> Flow | None:
    parts = _attributes(body)
    original, reply = parts.get(_ORIGINAL), parts.get(_REPLY)
    if original is None or reply is None:
        return None
    proto, reply_proto = _attributes(_attributes(original)[_TUPLE_PROTO]), _attributes(_attributes(reply)[_TUPLE_PROTO])
    if proto[_PROTO_NUMBER][0] != socket.IPPROTO_UDP:
        return None
    addresses, reply_addresses = _attributes(_attributes(original)[_TUPLE_IP]), _attributes(_attributes(reply)[_TUPLE_IP])
    return Flow(
        str(ipaddress.ip_address(addresses.get(_V4_DST) or addresses[_V6_DST])),
        int.from_bytes(proto[_PROTO_DST], "big"),
        str(ipaddress.ip_address(reply_addresses.get(_V4_SRC) or reply_addresses[_V6_SRC])),
        int.from_bytes(reply_proto[_PROTO_SRC], "big"),
        original,
    )
