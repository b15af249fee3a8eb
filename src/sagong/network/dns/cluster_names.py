"""What CoreDNS' kubernetes plugin answers for the cluster's own names: pure, over a view of Services and EndpointSlices.

Sources: the Kubernetes DNS specification 1.1.0; CoreDNS with `pods insecure`, `ttl 30`, `fallthrough in-addr.arpa ip6.arpa`.

    <service>.<ns>.svc.<domain>             A/AAAA: cluster IPs; the endpoints of a headless service; CNAME of an ExternalName
    _<port>._<proto>.<service>...           SRV, and A/AAAA of that port's addresses
    <hostname or 1-2-3-4>.<service>...      one endpoint
    1-2-3-4.<ns>.pod.<domain>               the address in the name, whoever has it
"""

from __future__ import annotations

import functools
import ipaddress
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from sagong.api.types.core import Service
from sagong.api.types.discovery import EndpointSlice
from sagong.network.dns.wire import AAAA, AXFR, CNAME, IXFR, NS, NXDOMAIN, PTR, REFUSED, SOA, SRV, TXT, A, Query, Record, Reply

TTL = 30
VERSION = "1.1.0"
_VERSION_TTL = 28800
_LONGEST_CHAIN = 8
_ADDRESS_TYPES = {4: A, 6: AAAA}


class View(Protocol):
    """What the answers are made from."""

    def has_namespace(self, name: str) -> bool:
        """Say whether the namespace exists."""
        ...

    def service(self, namespace: str, name: str) -> Service | None:
        """Return a Service."""
        ...

    def slices(self, namespace: str, service: str) -> Sequence[EndpointSlice]:
        """Return a Service's EndpointSlices."""
        ...

    def services_at(self, address: str) -> Sequence[Service]:
        """Return the Services that have a cluster IP."""
        ...

    def slices_at(self, address: str) -> Sequence[EndpointSlice]:
        """Return the EndpointSlices that have an address."""
        ...

    @property
    def serial(self) -> int:
        """The zone's serial number: when it changed last, in seconds since 1970."""
        ...


class Found(NamedTuple):
    """One way to a service: an address (or an ExternalName's target), a port (-1: none), and the name that has it."""

    host: str
    port: int
    owner: str

    @property
    def address_type(self) -> int:
        """A, AAAA, or CNAME for a target that is a name."""
        return _packed(self.host)[0]


@functools.lru_cache(maxsize=2048)
def _packed(host: str) -> tuple[int, bytes]:
    """Return the record type of a host and, for an address, its bytes."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return CNAME, b""
    return _ADDRESS_TYPES[address.version], address.packed


class _NoSuchNameError(Exception):
    """NXDOMAIN."""


@dataclass(frozen=True, slots=True)
class Chase:
    """An answer that is to be completed with what `target` resolves to elsewhere."""

    reply: Reply
    target: str


class ClusterNames:
    """Answers for one cluster domain, and for the reverse names of its addresses."""

    def __init__(self, domain: str, view: View, own_addresses: Sequence[str] = ()) -> None:
        self.domain = domain.strip(".").lower()
        self._view, self._own = view, tuple(own_addresses)

    def answer(self, query: Query) -> Reply | Chase | None:
        """Return the answer; None for a name that is not the cluster's to answer."""
        name = query.name.lower()
        if name == self.domain or name.endswith(f".{self.domain}"):
            zone = query.name[len(name) - len(self.domain) :]
            return self._in_zone(query, name, zone)
        if name.endswith((".in-addr.arpa", ".ip6.arpa")):
            return self._reverse(query, name)
        return None

    def _in_zone(self, query: Query, name: str, zone: str) -> Reply | Chase:
        if query.type in (AXFR, IXFR):
            return Reply(REFUSED)
        try:
            found = self._records(query, name, zone, ())
        except _NoSuchNameError:
            return Reply(NXDOMAIN, authority=(self._soa(zone),), authoritative=True)
        reply = found.reply if isinstance(found, Chase) else found
        if not reply.answers:
            return Reply(authority=(self._soa(zone),), authoritative=True)
        return found

    def _records(self, query: Query, name: str, zone: str, chain: tuple[str, ...]) -> Reply | Chase:
        special = self._special(query, name, zone)
        if special is not None:
            return special
        if name == f"ns.dns.{self.domain}":
            found = [entry._replace(owner=query.name) for entry in self._nameservers()]
        else:
            found = list(self._find(name))
        if query.type == SRV:
            return _srv(query, [entry for entry in found if entry.address_type != CNAME])
        if query.type == CNAME:
            return _reply([Record(query.name, CNAME, TTL, (found[0].host,))] if found and found[0].address_type == CNAME else [])
        if query.type in (A, AAAA, TXT) and found and found[0].address_type == CNAME:
            return self._follow(query, found[0].host.rstrip("."), zone, (*chain, name))
        addresses = dict.fromkeys(entry.host for entry in found if entry.address_type == query.type)
        return _reply([_address(query.name, address) for address in addresses])

    def _special(self, query: Query, name: str, zone: str) -> Reply | None:
        """Answer what is asked of the zone itself, and its version."""
        if query.type == TXT and name == f"dns-version.{self.domain}":
            return _reply([Record(query.name, TXT, _VERSION_TTL, (bytes((len(VERSION),)) + VERSION.encode(),))])
        if name != self.domain:
            return None
        if query.type == SOA:
            return _reply([self._soa(zone)])
        if query.type == NS:
            servers = self._nameservers()
            names = dict.fromkeys(entry.owner for entry in servers)
            return _reply([Record(zone, NS, TTL, (owner,)) for owner in names], [_address(entry.owner, entry.host) for entry in servers])
        return _reply([])

    def _follow(self, query: Query, target: str, zone: str, chain: tuple[str, ...]) -> Reply | Chase:
        """Answer an ExternalName: its CNAME, and what that leads to, here or elsewhere."""
        lowered = target.lower()
        alias = Record(query.name, CNAME, TTL, (target,))
        if lowered in chain or len(chain) > _LONGEST_CHAIN:
            return _reply([])
        if lowered != self.domain and not lowered.endswith(f".{self.domain}"):
            return Chase(_reply([alias]), target)
        try:
            rest = self._records(Query(query.id, target, query.type), lowered, zone, chain)
        except _NoSuchNameError:
            return _reply([])
        if isinstance(rest, Chase):
            return Chase(_reply([alias, *rest.reply.answers]), rest.target)
        return _reply([alias, *rest.answers] if rest.answers else [])

    def _find(self, name: str) -> Iterator[Found]:
        """Yield what a name means. Raises _NoSuchNameError; a name above services (svc, a namespace) exists and has nothing."""
        labels = name[: -len(self.domain)].rstrip(".").split(".") if name != self.domain else []
        if not labels or labels in (["svc"], ["pod"]):
            return
        *rest, namespace, kind = ("", *labels) if len(labels) == 1 else labels
        if kind not in ("svc", "pod") or len(rest) > 3 or not self._view.has_namespace(namespace):  # noqa: PLR2004 - _port._proto.service
            raise _NoSuchNameError(name)
        if rest:
            yield from self._pod(rest[-1], namespace) if kind == "pod" else self._service(rest, namespace)

    def _pod(self, label: str, namespace: str) -> Iterator[Found]:
        dashed = label.count("-") == 3 and "--" not in label  # noqa: PLR2004 - an IPv4 address
        try:
            address = ipaddress.ip_address(label.replace("-", "." if dashed else ":"))
        except ValueError as error:
            raise _NoSuchNameError(label) from error
        yield Found(str(address), -1, f"{label}.{namespace}.pod.{self.domain}")

    def _service(self, labels: Sequence[str], namespace: str) -> Iterator[Found]:
        *before, name = labels
        service = self._view.service(namespace, name)
        if service is None:
            raise _NoSuchNameError(name)
        port, protocol = (label.removeprefix("_") for label in before) if len(before) == 2 else ("", "")  # noqa: PLR2004
        endpoint = before[0] if len(before) == 1 else ""
        found = list(self._ways(service, endpoint, port, protocol))
        if not found:
            raise _NoSuchNameError(name)
        yield from found

    def _ways(self, service: Service, endpoint: str, port: str, protocol: str) -> Iterator[Found]:
        spec, owner = service.spec, f"{service.metadata.name}.{service.metadata.namespace}.svc.{self.domain}"
        if spec.type == "ExternalName":
            if not endpoint:
                yield Found(spec.externalName, -1, owner)
        elif endpoint or spec.clusterIP == "None":
            for host, name, number in _endpoints(self._view.slices(service.metadata.namespace, service.metadata.name), port, protocol):
                if endpoint in ("", name.lower()):
                    yield Found(host, number, f"{name}.{owner}")
        else:
            for entry in spec.ports:
                if _matches(port, protocol, entry.name, entry.protocol):
                    yield from (Found(address, entry.port, owner) for address in (spec.clusterIPs or [spec.clusterIP]) if address)

    def _reverse(self, query: Query, name: str) -> Reply | None:
        address = reverse_address(name)
        if not address or query.type != PTR:
            return None
        names = [f"{s.metadata.name}.{s.metadata.namespace}.svc.{self.domain}" for s in self._view.services_at(address)][:1]
        if not names:
            names = [
                f"{hostname}.{piece.metadata.labels.get('kubernetes.io/service-name', '')}.{piece.metadata.namespace}.svc.{self.domain}"
                for piece in self._view.slices_at(address)
                for host, hostname, _ in _endpoints([piece], "", "")
                if host == address
            ]
        return _reply([Record(query.name, PTR, TTL, (target,)) for target in dict.fromkeys(names)]) if names else None

    def _nameservers(self) -> list[Found]:
        """Return the Services that lead to this server, or its own addresses."""
        found = []
        for piece in (piece for address in self._own for piece in self._view.slices_at(address)):
            service = self._view.service(piece.metadata.namespace, piece.metadata.labels.get("kubernetes.io/service-name", ""))
            found += list(dict.fromkeys(entry._replace(port=-1) for entry in self._ways(service, "", "", ""))) if service else []
        return list(dict.fromkeys(found)) or [Found(address, -1, f"ns.dns.{self.domain}") for address in self._own]

    def _soa(self, zone: str) -> Record:
        numbers = struct.pack("!5I", self._view.serial & 0xFFFFFFFF, 7200, 1800, 86400, TTL)
        return Record(zone, SOA, TTL, (f"ns.dns.{zone}", f"hostmaster.{zone}", numbers))


def _endpoints(slices: Sequence[EndpointSlice], port: str, protocol: str) -> Iterator[tuple[str, str, int]]:
    """Yield address, host name and port of the ready endpoints; port -1 for a slice without ports."""
    for piece in slices:
        numbers = [p.port or -1 for p in piece.ports or () if _matches(port, protocol, p.name or "", p.protocol or "TCP")]
        if not piece.ports and not port and not protocol:
            numbers = [-1]
        for endpoint in piece.endpoints or ():
            if endpoint.conditions.ready is not False:
                for address in endpoint.addresses:
                    yield from ((address, endpoint.hostname or dashed_name(address), number) for number in numbers)


def dashed_name(address: str) -> str:
    """Return the label of an endpoint without host name: its address with dashes."""
    text = address.replace(".", "-").replace(":", "-")
    return f"{text}0" if text.endswith("-") else text


def reverse_address(name: str) -> str:
    """Return the address of a reverse name in lower case, canonical; empty when it is none."""
    if name.endswith(".in-addr.arpa"):
        text = ".".join(reversed(name.removesuffix(".in-addr.arpa").split(".")))
    else:
        nibbles = "".join(reversed(name.removesuffix(".ip6.arpa").split(".")))
        text = ":".join(nibbles[n : n + 4] for n in range(0, len(nibbles), 4))
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def _matches(port: str, protocol: str, name: str, own: str) -> bool:
    return port in ("", name.lower()) and protocol in ("", (own or "TCP").lower())


def _address(name: str, address: str) -> Record:
    kind, data = _packed(address)
    return Record(name, kind, TTL, (data,))


def _srv(query: Query, found: Sequence[Found]) -> Reply:
    """Return SRV records of equal weight, and the addresses of their targets."""
    weight = max(1, 100 // len(found)) if found else 0
    targets = dict.fromkeys((entry.owner, entry.port) for entry in found if entry.port >= 0)
    addresses = dict.fromkeys((entry.owner, entry.host) for entry in found if entry.port >= 0)
    return _reply(
        [Record(query.name, SRV, TTL, (struct.pack("!3H", 0, weight, port), owner)) for owner, port in targets],
        [_address(owner, host) for owner, host in addresses],
    )


def _reply(answers: Sequence[Record], additional: Sequence[Record] = ()) -> Reply:
    return Reply(answers=tuple(answers), additional=tuple(additional), authoritative=True)
