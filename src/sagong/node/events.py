"""Events about pods and their containers, with the references that `kubectl describe` looks for."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from sagong.api.types.core import Container, EphemeralContainer, ObjectReference, Pod

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
