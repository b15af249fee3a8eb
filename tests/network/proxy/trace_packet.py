"""Walks a packet through a Ruleset as the kernel would, so that tests can ask where it ends.

It knows the statements that our rules are made of and refuses any other: a new kind of rule needs a line here.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sagong.network.proxy.objects import Ruleset

PREROUTING = ("raw-prerouting", "filter-prerouting-pre-dnat", "nat-prerouting")
OUTPUT = ("filter-output-pre-dnat", "nat-output")


@dataclass
class Packet:
    """The first packet of a connection. `local` are the node's addresses; a `source` among them is the node itself."""

    source: str
    destination: str
    port: int
    protocol: str = "tcp"
    local: Sequence[str] = ("192.168.0.2", "127.0.0.1", "10.244.0.1", "::1")
    mark: int = 0
    rewritten: bool = False
    outcome: str = ""
    masqueraded: bool = False
    path: list[str] = field(default_factory=list)

    @property
    def result(self) -> str:
        """`reject`, `drop`, or where it arrives, with ` masq` when its source is hidden."""
        if self.outcome:
            return self.outcome
        return f"{self.destination}:{self.port}" + (" masq" if self.masqueraded else "")


class Return(Exception):  # noqa: N818 - no error
    """Back to the chain that jumped here."""


class Stop(Exception):  # noqa: N818 - no error
    """A verdict that ends the walk of a base chain."""


def trace_packet(rules: Ruleset, packet: Packet, choose: int = 0) -> Packet:
    """Send a packet through; `choose` is what numgen gives."""
    from_here = packet.source in packet.local
    for chain in OUTPUT if from_here else PREROUTING:
        _base(rules, chain, packet, choose)
    to_here = packet.destination in packet.local
    for chain in ("filter-output",) if from_here else ("filter-input",) if to_here else ("filter-forward",):
        _base(rules, chain, packet, choose)
    if from_here or not to_here:
        _base(rules, "nat-postrouting", packet, choose)
    return packet


def _leave(how: type[Exception]) -> bool:
    raise how


def trace_policy(rules: Ruleset, packet: Packet) -> bool:
    """Say whether network policies let a forwarded packet pass."""
    _base(rules, "forward", packet, 0)
    return not packet.outcome


def _base(rules: Ruleset, chain: str, packet: Packet, choose: int) -> None:
    if chain in rules.chains and not packet.outcome:
        with contextlib.suppress(Stop):
            _walk(rules, chain, packet, choose)


def _walk(rules: Ruleset, chain: str, packet: Packet, choose: int) -> None:
    packet.path.append(chain)
    for rule in rules.chains[chain].rules:
        rest = rule
        while rest:
            act, match = next(((act, found) for pattern, act in _STATEMENTS if (found := re.match(pattern, rest))), (None, None))
            assert act is not None, f"{chain}: do not know {rest!r}"
            assert match is not None
            rest = rest[match.end() :].lstrip()
            if not act(rules, packet, match, choose):
                break


def _verdict(rules: Ruleset, packet: Packet, text: str, choose: int) -> bool:
    if text in ("drop", "reject"):
        packet.outcome = text
        raise Stop
    kind, _, chain = text.partition(" ")
    assert kind in ("goto", "jump"), text
    with contextlib.suppress(Return):
        _walk(rules, chain, packet, choose)
    if kind == "goto":
        raise Stop
    return True


def _inside(address: str, words: str) -> bool:
    return any(ipaddress.ip_address(address) in ipaddress.ip_network(word.strip()) for word in words.strip("{} ").split(","))


def _key(packet: Packet, text: str) -> str:
    values = {"saddr": packet.source, "daddr": packet.destination, "l4proto": packet.protocol, "dport": str(packet.port)}
    return " . ".join(values[part.split()[-1]] for part in text.split(" . "))


def _address(rules: Ruleset, packet: Packet, match: re.Match[str], _choose: int) -> bool:
    side, negated, what = match.groups()
    address = packet.source if side == "saddr" else packet.destination
    found = address in rules.containers[what[1:]].elements if what.startswith("@") else _inside(address, what)
    return found != bool(negated)


def _update(rules: Ruleset, packet: Packet, match: re.Match[str], _choose: int) -> bool:
    elements = rules.containers[match[1]].elements
    assert isinstance(elements, dict)
    elements[packet.source] = ""
    return True


def _vmap(rules: Ruleset, packet: Packet, match: re.Match[str], choose: int) -> bool:
    verdict = rules.containers[match[2]].elements.get(_key(packet, match[1]))
    return verdict is not None and _verdict(rules, packet, verdict, choose)


def _arrive(packet: Packet, address: str, port: str) -> bool:
    packet.destination, packet.port, packet.rewritten = address, int(port), True
    raise Stop


def _random(rules: Ruleset, packet: Packet, match: re.Match[str], choose: int) -> bool:
    entries = [entry.partition(" : ")[2] for entry in match[3].split(", ")]
    assert len(entries) == int(match[1])
    entry = entries[choose % len(entries)]
    return _verdict(rules, packet, entry, choose) if match[2] == "vmap" else _arrive(packet, *entry.split(" . "))


def _dnat_map(rules: Ruleset, packet: Packet, match: re.Match[str], _choose: int) -> bool:
    target = rules.containers[match[2]].elements.get(_key(packet, match[1]))
    return target is not None and _arrive(packet, *target.split(" . "))


def _hide(_rules: Ruleset, packet: Packet, _match: re.Match[str], _choose: int) -> bool:
    packet.masqueraded = True
    raise Stop


def _mark(_rules: Ruleset, packet: Packet, match: re.Match[str], _choose: int) -> bool:
    packet.mark = packet.mark | int(match[2], 16) if match[1] == "or" else packet.mark ^ int(match[2], 16)
    return True


_Act = Callable[[Ruleset, Packet, re.Match[str], int], bool]
_KEYS = r"((?:ip6? [sd]addr|meta l4proto|th dport)(?: \. (?:ip6? [sd]addr|meta l4proto|th dport))*)"
_STATEMENTS: Sequence[tuple[str, _Act]] = (
    (r"ct state (?:established,related|invalid)", lambda *_: False),
    (r"accept", lambda *_: _leave(Stop)),
    (r"return", lambda *_: _leave(Return)),
    (r"th dport (\d+)(?:-(\d+))?", lambda _r, p, m, _c: int(m[1]) <= p.port <= int(m[2] or m[1])),
    (r"ct state new", lambda *_: True),
    (r"ct status dnat", lambda _r, p, _m, _c: p.rewritten),
    (r'iifname != "lo"', lambda _r, p, _m, _c: p.source not in p.local),
    (r'oifname != "lo"', lambda _r, p, _m, _c: p.destination not in p.local),
    (r"fib (saddr|daddr) type local", lambda _r, p, m, _c: (p.source if m[1] == "saddr" else p.destination) in p.local),
    (_KEYS + r" vmap @(\S+)", _vmap),
    (_KEYS + r" @(\S+)", lambda r, p, m, _c: _key(p, m[1]) in r.containers[m[2]].elements),
    (r"ip6? ([sd]addr) (!= )?(@\S+|\{[^}]*\}|\S+)", _address),
    (r"mark and (0x\w+) != 0", lambda _r, p, m, _c: bool(p.mark & int(m[1], 16))),
    (r"mark set mark (or|xor) (0x\w+)", _mark),
    (r"masquerade fully-random", _hide),
    (r"meta l4proto (tcp|udp|sctp)", lambda _r, p, m, _c: p.protocol == m[1]),
    (r"update @(\S+) \{ ip6? saddr \}", _update),
    (r"(?:dnat ip6? addr \. port to )?numgen random mod (\d+) (v?map) \{ (.*?) \}", _random),
    (r"dnat ip6? addr \. port to " + _KEYS + r" map @(\S+)", _dnat_map),
    (r"dnat to \[?([0-9a-f.:]+?)\]?:(\d+)$", lambda _r, p, m, _c: _arrive(p, m[1], m[2])),
    (r"reject with tcp reset", lambda r, p, _m, c: _verdict(r, p, "reject", c)),
    (r"((?:goto|jump) \S+|drop|reject)", lambda r, p, m, c: _verdict(r, p, m[1], c)),
)
