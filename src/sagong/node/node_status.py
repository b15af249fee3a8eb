"""The Node object: registered once, then kept up to date; a heartbeat is written when something changed, or every five minutes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from sagong.api.clock import Clock
from sagong.api.types.core import (
    ContainerImage,
    DaemonEndpoint,
    Node,
    NodeAddress,
    NodeCondition,
    NodeDaemonEndpoints,
    NodeFeatures,
    NodeRuntimeHandler,
    NodeRuntimeHandlerFeatures,
    NodeSpec,
    NodeStatus,
    NodeSwapStatus,
    NodeSystemInfo,
    Taint,
)
from sagong.api.types.meta import ObjectMeta
from sagong.node.cri import api_pb2 as cri
from sagong.node.machine import Machine

VERSION = "v1.36.0+sagong"
MAX_IMAGES = 50
DECLARED = (
    "ExtendWebSocketsToKubelet",
    "InPlacePodLevelResourcesVerticalScaling",
    "InPlacePodVerticalScalingInitContainers",
    "RestartAllContainersOnContainerExits",
)
"""What the scheduler and the API server may count on, by the names of KEP-5328."""
_MAX_NAMES = 5

# type: (reason and message when all is well, the same when it is not, event reasons well and not)
_PRESSURES = {
    "MemoryPressure": (
        ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
        ("NodeHasSufficientMemory", "NodeHasInsufficientMemory"),
    ),
    "DiskPressure": (
        ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("KubeletHasDiskPressure", "kubelet has disk pressure"),
        ("NodeHasNoDiskPressure", "NodeHasDiskPressure"),
    ),
    "PIDPressure": (
        ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
        ("NodeHasSufficientPID", "NodeHasInsufficientPID"),
    ),
}


@dataclass(frozen=True)
class NodeSettings:
    """What the node says of itself by configuration."""

    name: str
    addresses: Sequence[str]
    port: int = 10250
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: Sequence[Taint] = ()
    provider_id: str = ""


@dataclass(frozen=True)
class NodeFacts:
    """What the node observes of itself now."""

    machine: Machine
    capacity: Mapping[str, str]
    allocatable: Mapping[str, str]
    runtime: str = ""
    """name and version, such as containerd://1.6.20"""
    status: cri.StatusResponse | None = None
    """CRI's word on the runtime; None while it does not answer"""
    images: Sequence[cri.Image] = ()
    pressures: frozenset[str] = frozenset()
    """of MemoryPressure, DiskPressure, PIDPressure"""
    problems: Sequence[str] = ()
    """further reasons why the node is not ready"""


def new_node(settings: NodeSettings, status: NodeStatus, machine: Machine) -> Node:
    """Return the object to register."""
    labels = {
        "beta.kubernetes.io/arch": machine.architecture,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": machine.architecture,
        "kubernetes.io/hostname": settings.name,
        "kubernetes.io/os": "linux",
        **settings.labels,
    }
    annotations = {"volumes.kubernetes.io/controller-managed-attach-detach": "true"}
    spec = NodeSpec(taints=list(settings.taints), providerID=settings.provider_id)
    return Node(metadata=ObjectMeta(name=settings.name, labels=labels, annotations=annotations), spec=spec, status=status)


def node_status(settings: NodeSettings, facts: NodeFacts, old: NodeStatus, now: str) -> NodeStatus:
    """Return the status; conditions that stay as they were in `old` keep their transition times, foreign ones are kept."""
    addresses = [NodeAddress(type="InternalIP", address=address) for address in settings.addresses]
    foreign = _foreign(old.capacity, facts.capacity)
    return NodeStatus(
        capacity={**foreign, **facts.capacity},
        allocatable={**foreign, **facts.allocatable},
        conditions=_conditions(facts, old.conditions, now),
        addresses=[*addresses, NodeAddress(type="Hostname", address=settings.name)],
        daemonEndpoints=NodeDaemonEndpoints(kubeletEndpoint=DaemonEndpoint(Port=settings.port)),
        nodeInfo=_node_info(facts),
        images=_images(facts.images),
        volumesInUse=old.volumesInUse,
        volumesAttached=old.volumesAttached,
        runtimeHandlers=_handlers(facts.status),
        features=_features(facts.status),
        declaredFeatures=list(DECLARED),
    )


def changes(old: NodeStatus, new: NodeStatus) -> Sequence[tuple[str, str]]:
    """Return the events, reason and message less the node's name, of conditions that are new or have turned."""
    before = {condition.type: condition.status for condition in old.conditions}
    found = []
    for condition in new.conditions:
        if before.get(condition.type) != condition.status:
            reason = _event_reason(condition)
            if reason:
                found.append((reason, f"status is now: {reason}"))
    return found


def differs(old: NodeStatus, new: NodeStatus) -> bool:
    """Say whether more than heartbeat times differ."""
    return _without_heartbeats(old) != _without_heartbeats(new)


@dataclass
class Reports:
    """Decides when a status is written: at a change, or when the last report is old."""

    clock: Clock
    period: float = 300.0
    _last: float | None = None

    def due(self, old: NodeStatus, new: NodeStatus) -> bool:
        """Say whether `new` must be written over `old`."""
        return self.overdue or differs(old, new)

    @property
    def overdue(self) -> bool:
        """Whether a report is due, changed or not."""
        return self._last is None or self.clock.monotonic() - self._last >= self.period

    def written(self) -> None:
        """Note that a report has been written."""
        self._last = self.clock.monotonic()


def status_patch(old: NodeStatus, new: NodeStatus) -> dict[str, object]:
    """Return a strategic merge patch for the status subresource: the fields that differ, conditions and addresses merged."""
    before, after = msgspec.to_builtins(old), msgspec.to_builtins(new)
    changed = {name: after.get(name) for name in {*before, *after} if before.get(name) != after.get(name)}
    if "addresses" in changed and changed["addresses"] is not None:
        changed["addresses"] = [*changed["addresses"], {"$patch": "replace"}]
    return {"status": changed}


def _conditions(facts: NodeFacts, old: Sequence[NodeCondition], now: str) -> list[NodeCondition]:
    own = [_pressure(kind, pressed=kind in facts.pressures) for kind in _PRESSURES]
    own.append(_ready(facts))
    before = {condition.type: condition for condition in old}
    for condition in own:
        previous = before.pop(condition.type, None)
        same = previous is not None and previous.status == condition.status
        condition.lastHeartbeatTime = now
        condition.lastTransitionTime = previous.lastTransitionTime if previous is not None and same else now
    return [*before.values(), *own]


def _pressure(kind: str, *, pressed: bool) -> NodeCondition:
    reason, message = _PRESSURES[kind][1 if pressed else 0]
    return NodeCondition(type=kind, status="True" if pressed else "False", reason=reason, message=message)


def _ready(facts: NodeFacts) -> NodeCondition:
    problems = [*_runtime_problems(facts.status), *facts.problems]
    if not problems:
        return NodeCondition(type="Ready", status="True", reason="KubeletReady", message="kubelet is posting ready status")
    message = problems[0] if len(problems) == 1 else "[" + ", ".join(problems) + "]"
    return NodeCondition(type="Ready", status="False", reason="KubeletNotReady", message=message)


def _runtime_problems(status: cri.StatusResponse | None) -> Sequence[str]:
    if status is None:
        return ["container runtime status check may not have completed yet"]
    found = []
    conditions = {condition.type: condition for condition in status.status.conditions}
    for kind, what in (("RuntimeReady", "container runtime not ready"), ("NetworkReady", "container runtime network not ready")):
        condition = conditions.get(kind)
        if condition is None or not condition.status:
            reason, message = (condition.reason, condition.message) if condition else ("", "")
            found.append(f"{what}: {kind}=false reason:{reason} message:{message}")
    return found


def _event_reason(condition: NodeCondition) -> str:
    if condition.type == "Ready":
        return "NodeReady" if condition.status == "True" else "NodeNotReady"
    if condition.type in _PRESSURES:
        return _PRESSURES[condition.type][2][1 if condition.status == "True" else 0]
    return ""


def _node_info(facts: NodeFacts) -> NodeSystemInfo:
    machine = facts.machine
    return NodeSystemInfo(
        machineID=machine.machine_id,
        systemUUID=machine.system_uuid,
        bootID=machine.boot_id,
        kernelVersion=machine.kernel,
        osImage=machine.os_image,
        containerRuntimeVersion=facts.runtime,
        kubeletVersion=VERSION,
        operatingSystem="linux",
        architecture=machine.architecture,
        swap=NodeSwapStatus(capacity=machine.swap) if machine.swap else None,
    )


def _images(images: Sequence[cri.Image]) -> list[ContainerImage]:
    """Return the largest images with their names, digests first."""
    by_size: Callable[[cri.Image], int] = lambda image: -image.size  # noqa: E731 - a key needs no name elsewhere
    named = (ContainerImage(names=_names(image), sizeBytes=image.size) for image in sorted(images, key=by_size))
    return [image for image in named if image.names][:MAX_IMAGES]


def _names(image: cri.Image) -> list[str]:
    return [*image.repo_digests, *image.repo_tags][:_MAX_NAMES]


def _handlers(status: cri.StatusResponse | None) -> list[NodeRuntimeHandler]:
    return [
        NodeRuntimeHandler(
            name=handler.name,
            features=NodeRuntimeHandlerFeatures(
                recursiveReadOnlyMounts=handler.features.recursive_read_only_mounts, userNamespaces=handler.features.user_namespaces
            ),
        )
        for handler in (status.runtime_handlers if status else ())
    ]


def _features(status: cri.StatusResponse | None) -> NodeFeatures | None:
    if status is None or not status.HasField("features"):
        return None
    return NodeFeatures(supplementalGroupsPolicy=status.features.supplemental_groups_policy)


def _foreign(old: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    # extended resources are advertised by others, in the capacity: all of that may be used; what the kubelet names itself it owns
    return {name: value for name, value in old.items() if name not in own and "/" in name}


def _without_heartbeats(status: NodeStatus) -> NodeStatus:
    bare = status.copy()
    for condition in bare.conditions:
        condition.lastHeartbeatTime = None
    return bare
