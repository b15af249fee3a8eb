"""Ports of a pod's containers that meet each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sagong.api.field_errors import quote
from sagong.api.types.core import ContainerPort

Ports = Sequence[tuple[str, ContainerPort]]


def ports(found: Ports) -> Iterator[str]:
    """Warn about the ports of all containers, each with its path."""
    if len(found) > 1 or any(port.hostIP for _, port in found):
        yield from _numbers(found)
        yield from _names(found)


def _numbers(found: Ports) -> Iterator[str]:
    known: dict[tuple[int, str], list[tuple[str, ContainerPort]]] = {}
    for at, port in found:
        if port.hostIP and not port.hostPort:
            yield f"{at}: hostIP set without hostPort: {_shown(port)}"
        others = known.setdefault((port.containerPort, port.protocol), [])
        for place, other in others:
            if what := _relation(port, other):
                yield f"{at}: {what} port definition with {place}"
        others.append((at, port))


def _relation(port: ContainerPort, other: ContainerPort) -> str:
    """Say how two definitions of one container port get on; "": each has a place of its own on the host."""
    if (port.hostIP, port.hostPort) == (other.hostIP, other.hostPort):
        return "duplicate"
    if not port.hostPort or not other.hostPort:
        return "overlapping"
    return "dangerously ambiguous" if port.hostPort == other.hostPort and (not port.hostIP or not other.hostIP) else ""


def _shown(port: ContainerPort) -> str:
    fields = (("Name", port.name), ("HostPort", port.hostPort), ("ContainerPort", port.containerPort))
    more = (("Protocol", port.protocol), ("HostIP", port.hostIP))
    return "{" + " ".join(f"{name}:{value}" for name, value in (*fields, *more)) + "}"


def _names(found: Ports) -> Iterator[str]:
    known: dict[str, str] = {}
    for at, port in found:
        if port.name and (first := known.setdefault(port.name, at)) != at:
            users = f"services and probes that select ports by name will use {first}"
            yield f"{at}: duplicate port name {quote(port.name)} with {first}, {users}"
