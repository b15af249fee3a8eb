"""Events about pods, their containers and the node, with the references that `kubectl describe` looks for."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from sagong.api.types.core import Container, EphemeralContainer, Node, ObjectReference, Pod

Kind = Literal["Normal", "Warning"]


class Recorder(Protocol):
    """Sends events; the client's recorder is one."""

    def event(self, obj: Any, type: Kind, reason: str, message: str) -> None:  # noqa: A002 - the field's name
        """Record an event about an object, or about what an ObjectReference names."""
        ...


class PodEvents:
    """Records events about pods."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def pod(self, pod: Pod, kind: Kind, reason: str, message: str) -> None:
        """Record an event about the pod."""
        self._recorder.event(reference(pod), kind, reason, message)

    def container(self, pod: Pod, container: Container | EphemeralContainer, kind: Kind, reason: str, message: str) -> None:
        """Record an event about one container of the pod."""
        self._recorder.event(reference(pod, container), kind, reason, message)

    def node(self, name: str, kind: Kind, reason: str, message: str) -> None:
        """Record an event about the node."""
        self._recorder.event(node_reference(name), kind, reason, message)


def node_reference(name: str) -> Node:
    """Return what events of the node are about: they are filed under the name, as upstream's, so the uid is the name too."""
    node = Node(apiVersion="v1", kind="Node")
    node.metadata.name = node.metadata.uid = name
    return node


def reference(pod: Pod, container: Container | EphemeralContainer | None = None) -> ObjectReference:
    """Return the reference of the pod, or of a container in it: `spec.containers{name}`."""
    meta = pod.metadata
    return ObjectReference(
        apiVersion="v1",
        kind="Pod",
        name=meta.name,
        namespace=meta.namespace,
        uid=meta.uid,
        resourceVersion=meta.resourceVersion,
        fieldPath=_field_path(pod, container) if container else "",
    )


def _field_path(pod: Pod, container: Container | EphemeralContainer) -> str:
    fields = (("initContainers", pod.spec.initContainers), ("ephemeralContainers", pod.spec.ephemeralContainers))
    field = next((name for name, items in fields if any(item.name == container.name for item in items)), "containers")
    return f"spec.{field}{{{container.name}}}"
