"""What the kubelet writes on sandboxes and containers, so that they can be told apart, also by a kubelet that starts later.

Names are upstream's (pkg/kubelet/types/labels.go, kuberuntime/labels.go): tools such as crictl and log collectors read them.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from sagong.api.types.core import Container, EphemeralContainer, Pod

POD_NAME = "io.kubernetes.pod.name"
POD_NAMESPACE = "io.kubernetes.pod.namespace"
POD_UID = "io.kubernetes.pod.uid"
CONTAINER_NAME = "io.kubernetes.container.name"

HASH = "io.kubernetes.container.hash"
RESTART_COUNT = "io.kubernetes.container.restartCount"
MESSAGE_PATH = "io.kubernetes.container.terminationMessagePath"
MESSAGE_POLICY = "io.kubernetes.container.terminationMessagePolicy"
PRE_STOP = "io.kubernetes.container.preStopHandler"
PORTS = "io.kubernetes.container.ports"
DELETION_GRACE = "io.kubernetes.pod.deletionGracePeriod"
TERMINATION_GRACE = "io.kubernetes.pod.terminationGracePeriod"

_FNV_OFFSET, _FNV_PRIME = 0x811C9DC5, 0x01000193


def of_pod(pod: Pod) -> dict[str, str]:
    """Return a sandbox's labels: the pod's own, and its identity."""
    meta = pod.metadata
    return {**meta.labels, POD_NAME: meta.name, POD_NAMESPACE: meta.namespace, POD_UID: meta.uid}


def of_container(pod: Pod, name: str) -> dict[str, str]:
    """Return a container's labels."""
    meta = pod.metadata
    return {POD_NAME: meta.name, POD_NAMESPACE: meta.namespace, POD_UID: meta.uid, CONTAINER_NAME: name}


def container_notes(pod: Pod, container: Container | EphemeralContainer, restart_count: int) -> dict[str, str]:
    """Return a container's annotations: what is needed to end it, to explain its end and to notice a changed definition."""
    notes = {
        HASH: container_hash(container),
        RESTART_COUNT: str(restart_count),
        MESSAGE_PATH: container.terminationMessagePath,
        MESSAGE_POLICY: container.terminationMessagePolicy,
    }
    if pod.metadata.deletionGracePeriodSeconds is not None:
        notes[DELETION_GRACE] = str(pod.metadata.deletionGracePeriodSeconds)
    if pod.spec.terminationGracePeriodSeconds is not None:
        notes[TERMINATION_GRACE] = str(pod.spec.terminationGracePeriodSeconds)
    if container.lifecycle and container.lifecycle.preStop:
        notes[PRE_STOP] = msgspec.json.encode(container.lifecycle.preStop).decode()
    if container.ports:
        notes[PORTS] = msgspec.json.encode(container.ports).decode()
    return notes


def container_hash(container: Container | EphemeralContainer) -> str:
    """Return a hash of the fields whose change restarts a container: name and image (FNV-1a, 32 bits, hexadecimal)."""
    value = _FNV_OFFSET
    for byte in msgspec.json.encode([container.name, container.image]):
        value = ((value ^ byte) * _FNV_PRIME) & 0xFFFFFFFF
    return f"{value:x}"


def number(notes: Mapping[str, str], key: str) -> int | None:
    """Return a whole number that an annotation holds, or None."""
    text = notes.get(key, "")
    return int(text) if text.lstrip("-").isdigit() else None
