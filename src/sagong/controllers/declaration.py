"""What a control loop says of itself: what it watches, owns and writes, and how a key becomes a plan.

The declaration drives the informers, the queue, the check of every write, the RBAC role and the docs' graph.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sagong.api.resources import Resource
from sagong.client.endpoint import Endpoint, endpoint_of
from sagong.client.plan import Plan
from sagong.client.workqueue import MAX_DELAY
from sagong.controllers.meter import Meter
from sagong.controllers.view import Live, View


class Key(NamedTuple):
    """Names the object that a reconcile is about; the namespace is empty for cluster-scoped kinds."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


Kind = type[Any] | Resource | Endpoint[Any]
Reconcile = Callable[[View, Key], Plan]
ReconcileLive = Callable[[Live, Key], Awaitable[Plan]]
Keys = Callable[[View, Any], Iterable[Key]]
Changed = Callable[[Any, Any], bool]


def own_key(_view: View, obj: Any) -> Iterable[Key]:
    """Return an object's own key."""
    return (Key(obj.metadata.namespace, obj.metadata.name),)


def no_keys(_view: View, _obj: Any) -> Iterable[Key]:
    """Return nothing: changes of the kind cause nothing."""
    return ()


@dataclass(frozen=True, slots=True)
class Watch:
    """A kind, and the keys to reconcile when one of its objects changes.

    `keys` is asked about the old and the new object. `changed(old, new)` can say that a change is of no interest; as in an
    informer's handler, `old` is None for an addition, `new` for a deletion.
    """

    kind: Kind
    keys: Keys = own_key
    changed: Changed | None = None


@dataclass(frozen=True, slots=True)
class Controller:
    """One control loop. `component` is the source of its events, `account` the service account of kube-system that it acts as.

    `reconcile` is pure: a plan from what the informers show. `reconcile_live` is for the few loops that must ask the server
    first. `owns` are kinds whose objects have a controller reference to the first watched kind: their changes come back to the
    owner. `reads` are kinds that are looked at and cause nothing. `meter` makes what counts the loop's doings for /metrics.
    `longest_delay`: seconds between two tries of a key that fails and fails.
    """

    name: str
    watches: tuple[Watch, ...]
    writes: Mapping[str, Collection[str]]
    reconcile: Reconcile | None = None
    reconcile_live: ReconcileLive | None = None
    owns: tuple[Kind, ...] = ()
    reads: tuple[Kind, ...] = ()
    component: str = ""
    account: str = ""
    workers: int = 5
    start: tuple[Key, ...] = ()
    meter: Callable[[], Meter] = Meter
    longest_delay: float = MAX_DELAY

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """All kinds that need an informer."""
        return (*(watch.kind for watch in self.watches), *self.owns, *self.reads)


def updated(differs: Changed) -> Changed:
    """Care for additions, deletions, and those updates that differ."""
    return lambda old, new: old is None or new is None or differs(old, new)


def appeared(old: Any, _new: Any) -> bool:
    """Care for additions."""
    return old is None


def vanished(_old: Any, new: Any) -> bool:
    """Care for deletions."""
    return new is None


def writes(*grants: tuple[str, Kind] | tuple[str, Kind, str]) -> Mapping[str, Collection[str]]:
    """Collect `("create delete", Pod)` and `("update", Deployment, "status")` into what `apply` checks."""
    found: dict[str, set[str]] = {}
    for verbs, kind, *subresource in grants:
        target = endpoint_of(kind).resource.group_resource + "".join(f"/{name}" for name in subresource)
        found.setdefault(target, set()).update(verbs.split())
    return found
