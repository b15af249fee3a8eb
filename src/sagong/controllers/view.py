"""What a control loop may look at: the informers' objects, the time, and chance. Read only.

Everything here is shared: `copy()` an object before changing it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from sagong.api.clock import Random
from sagong.api.pods import is_finished
from sagong.api.selectors import Selector
from sagong.api.types.core import PersistentVolume, PersistentVolumeClaim, Pod
from sagong.api.types.meta import OwnerReference
from sagong.api.volumes import claim_names
from sagong.client.client import Client

T = TypeVar("T")
JOB_TRACKING = "batch.kubernetes.io/job-tracking"
"""the finalizer of pods that a job is still to count"""


class View(Protocol):
    """Objects as the informers have them. A kind that the loop does not declare raises LookupError."""

    @property
    def now(self) -> datetime:
        """The wall-clock time of this reconcile."""
        ...

    @property
    def random(self) -> Random:
        """Chance, for names."""
        ...

    def get(self, kind: type[T], namespace: str, name: str) -> T | None:
        """Return one object."""
        ...

    def list(self, kind: type[T], namespace: str = "") -> Sequence[T]:
        """Return all objects, or a namespace's."""
        ...

    def by_index(self, kind: type[T], index: str, value: str) -> Sequence[T]:
        """Return the objects that an index of INDEXES has under the value."""
        ...


class Live(View, Protocol):
    """A view for the loops that must also ask the server."""

    @property
    def client(self) -> Client:
        """The client; reads only, writes go into the plan."""
        ...


def controller_of(obj: Any) -> OwnerReference | None:
    """Return the owner that controls the object."""
    for owner in obj.metadata.ownerReferences:  # asked of every object by every loop: a generator takes twice as long
        if owner.controller:
            found: OwnerReference = owner
            return found
    return None


def _controller(obj: Any) -> Iterable[str]:
    owner = controller_of(obj)
    return (owner.uid if owner else f"none:{obj.metadata.namespace}",)


def _node(obj: Any) -> Iterable[str]:
    return (obj.spec.nodeName,) if obj.spec.nodeName else ()


def _finished(pod: Any) -> Iterable[str]:
    return ("",) if is_finished(pod) else ()


def _label(obj: Any) -> Iterable[str]:
    meta = obj.metadata
    return [f"{meta.namespace}/{key}={value}" for key, value in meta.labels.items()]


def _claim(pod: Any) -> Iterable[str]:
    return [f"{pod.metadata.namespace}/{claim.name}" for claim in claim_names(pod)]


def _tracked(pod: Any) -> Iterable[str]:
    if JOB_TRACKING not in pod.metadata.finalizers:
        return ()
    owner = controller_of(pod)
    if owner is not None and owner.kind != "Job":
        return ()
    return (f"{pod.metadata.namespace}/{owner.name if owner else ''}",)


def _claimed(volume: Any) -> Iterable[str]:
    reference = volume.spec.claimRef
    return (f"{reference.namespace}/{reference.name}",) if reference is not None else ()


def _seeking(claim: Any) -> Iterable[str]:
    return (claim.spec.volumeName,) if claim.status.phase != "Bound" else ()


INDEXES: Mapping[str, Callable[[Any], Iterable[str]]] = {
    "claim": _claim,
    "claimed": _claimed,
    "controller": _controller,
    "finished": _finished,
    "label": _label,
    "node": _node,
    "seeking": _seeking,
    "tracked": _tracked,
}


def controlled(view: View, kind: type[T], uid: str) -> Sequence[T]:
    """Return the objects whose controller has that uid."""
    return view.by_index(kind, "controller", uid)


def orphans(view: View, kind: type[T], namespace: str) -> Sequence[T]:
    """Return a namespace's objects that nobody controls."""
    return view.by_index(kind, "controller", f"none:{namespace}")


def selected(view: View, kind: type[T], namespace: str, selector: Selector) -> list[T]:
    """Return a namespace's objects that a selector matches. One label that it demands finds them, however many others there are."""
    label = selector.demanded
    found = labelled(view, kind, namespace, *label) if label is not None else view.list(kind, namespace)
    return [obj for obj in found if selector.matches(obj.metadata.labels)]  # type: ignore[attr-defined]  # every resource's Struct has it


def labelled(view: View, kind: type[T], namespace: str, key: str, value: str) -> Sequence[T]:
    """Return a namespace's objects that have a label."""
    return view.by_index(kind, "label", f"{namespace}/{key}={value}")


def finished(view: View) -> Sequence[Pod]:
    """Return the pods that run no more."""
    return view.by_index(Pod, "finished", "")


def on_node(view: View, kind: type[T], node: str) -> Sequence[T]:
    """Return the pods bound to a node."""
    return view.by_index(kind, "node", node)


def using(view: View, namespace: str, claim: str) -> Sequence[Pod]:
    """Return the pods that mount a claim, ephemeral ones included."""
    return view.by_index(Pod, "claim", f"{namespace}/{claim}")


def tracked(view: View, namespace: str, job: str = "") -> Sequence[Pod]:
    """Return the pods that are still to be counted for a job of that name; without a name, those that nobody controls."""
    return view.by_index(Pod, "tracked", f"{namespace}/{job}")


def claimed(view: View, namespace: str, claim: str) -> Sequence[PersistentVolume]:
    """Return the volumes that name a claim."""
    return view.by_index(PersistentVolume, "claimed", f"{namespace}/{claim}")


def seeking(view: View, volume: str) -> Sequence[PersistentVolumeClaim]:
    """Return the claims that are not bound and ask for a volume by its name; without a name, for any."""
    return view.by_index(PersistentVolumeClaim, "seeking", volume)
