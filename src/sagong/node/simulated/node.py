"""One simulated node: its pods with their workers, its addresses for pods, and what its Node object says."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from sagong.api.clock import Clock, Random
from sagong.api.nodes import SIMULATED
from sagong.api.quantity import parse
from sagong.api.types.core import Node, Pod
from sagong.node import node_status, resources
from sagong.node.admission import Rejection, admit
from sagong.node.allocations import Allocations
from sagong.node.cri import api_pb2 as cri
from sagong.node.events import PodEvents
from sagong.node.machine import FileSystem, Machine
from sagong.node.node_status import NodeFacts, NodeSettings
from sagong.node.pods import Pods
from sagong.node.simulated.nothing import NoCgroups, NoVolumes
from sagong.node.simulated.runtime import NAME, SimulatedRuntime
from sagong.node.simulated.settings import SimulationSettings
from sagong.node.status_manager import StatusManager
from sagong.node.statuses import Node as StatusNode
from sagong.node.workers import Machinery

POD_RANGES = ipaddress.IPv4Network("240.0.0.0/4")
"""Where pods' addresses are from: a range that nobody has, so that none of them leads anywhere."""
_BITS = 24
_RESYNC = 3600.0


@dataclass(frozen=True)
class Shared:
    """What all simulated nodes have in common."""

    settings: SimulationSettings
    runtime: SimulatedRuntime
    statuses: StatusManager
    events: PodEvents
    allocations: Allocations
    clock: Clock
    random: Random
    address: str
    port: int


class SimulatedNode:
    """One node. `number` tells its pods' range."""

    def __init__(self, name: str, number: int, shared: Shared, node: Callable[[str], Node | None]) -> None:
        self.name, self.shared, self._node = name, shared, node
        self.network = ipaddress.IPv4Network((int(POD_RANGES.network_address) + (number << 32 - _BITS), _BITS))
        self._next = 1
        self.pods = Pods(self._admit, self._gone)
        self.allocatable = resources.allocatable(machine(shared.settings), _disk(shared.settings), reservations(shared.settings))
        self.pods.use(
            Machinery(
                observer=shared.runtime,
                actor=shared.runtime,
                killer=shared.runtime,
                volumes=NoVolumes(),
                cgroups=NoCgroups(),
                prober=shared.runtime,
                statuses=shared.statuses,
                events=shared.events,
                clock=shared.clock,
                random=shared.random,
                node=StatusNode((shared.address,)),
                allocations=shared.allocations,
                runtime_name=NAME,
                resync_seconds=_RESYNC,
                recursive_read_only=lambda _: False,
                finished=self._finished,
            )
        )

    def next_address(self, pod: Pod) -> str:
        """Return the address of a new sandbox."""
        if pod.spec.hostNetwork:
            return self.shared.address
        self._next = self._next % (self.network.num_addresses - 2) + 1
        return str(self.network[self._next])

    def object(self, now: str) -> Node:
        """Return the Node to register."""
        wanted = node_status.new_node(self.settings(), self.status(Node(), now).status, machine(self.shared.settings))
        wanted.spec.podCIDR, wanted.spec.podCIDRs = str(self.network), [str(self.network)]
        return wanted

    def status(self, node: Node, now: str) -> Node:
        """Return the node with the status that it should have."""
        return msgspec.structs.replace(node, status=node_status.node_status(self.settings(), self._facts(), node.status, now))

    def settings(self) -> NodeSettings:
        """Return what the node says of itself."""
        labels = {SIMULATED: "true", **self.shared.settings.labels}
        return NodeSettings(self.name, (self.shared.address,), self.shared.port, labels)

    def _facts(self) -> NodeFacts:
        settings = self.shared.settings
        capacity = resources.capacity(machine(settings), _disk(settings), reservations(settings))
        return NodeFacts(machine(settings), capacity, self.allocatable, runtime=f"{NAME}://1.0", status=_FINE)

    def _admit(self, pod: Pod, others: list[Pod]) -> Rejection | None:
        return admit(pod, others, self.allocatable, self._node(self.name))

    def _finished(self, uid: str) -> None:
        self.pods.finished(uid)

    def _gone(self, pod: Pod) -> None:
        self.shared.runtime.forget(pod.metadata.uid)
        self.pods.left(pod.metadata.uid)


def machine(settings: SimulationSettings) -> Machine:
    """Return the machine that each node pretends to be."""
    return Machine(
        cpus=settings.cpus,
        memory=parse(settings.memory).value(),
        swap=0,
        kernel="simulated",
        os_image="simulated",
        architecture="amd64",
    )


def reservations(settings: SimulationSettings) -> resources.Reservations:
    """Return what pods may not use: nothing."""
    return resources.Reservations(max_pods=settings.max_pods)


def _disk(settings: SimulationSettings) -> FileSystem:
    size = parse(settings.disk).value()
    return FileSystem(size, size, 1 << 24, 1 << 24)


_FINE = cri.StatusResponse(
    status=cri.RuntimeStatus(conditions=[cri.RuntimeCondition(type=kind, status=True) for kind in ("RuntimeReady", "NetworkReady")])
)
