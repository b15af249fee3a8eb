"""namespace: empties a namespace that is being deleted, pods first, then lets it go.

One pass looks at what is left and deletes it; the next sees what remains. When nothing does, the namespace loses the
finalizer `kubernetes` through its finalize subresource.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sagong.api.clock import format_time, parse_time
from sagong.api.errors import ApiError, MethodNotAllowedError, NotFoundError
from sagong.api.pods import is_finished
from sagong.api.resources import Resource
from sagong.api.types.core import Namespace, NamespaceCondition, Pod
from sagong.api.types.meta import PartialObjectMetadata
from sagong.client.client import Client
from sagong.client.discovery import DiscoveryError, discover
from sagong.client.endpoint import metadata_only
from sagong.client.plan import NOTHING, Action, Delete, DeleteCollection, Failure, Plan, Together, Update
from sagong.controllers import conditions
from sagong.controllers.declaration import Controller, Key, Watch, updated, vanished, writes
from sagong.controllers.view import Live, View

FINALIZER = "kubernetes"
PARALLEL_LISTS = 8
TRIES = 2
"""of each list: a namespace goes only when all have succeeded in one pass, and there are dozens"""
AT_ONCE, FINALIZER_WAIT = 0.05, 15.0 / 2 + 1
_HEALTHY = {
    "NamespaceDeletionDiscoveryFailure": ("ResourcesDiscovered", "All resources successfully discovered"),
    "NamespaceDeletionGroupVersionParsingFailure": ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
    "NamespaceDeletionContentFailure": ("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
    "NamespaceContentRemaining": ("ContentRemoved", "All content successfully removed"),
    "NamespaceFinalizersRemaining": ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
}


@dataclass(frozen=True, slots=True)
class Content:
    """What a namespace still holds, by resource, and what kept us from knowing."""

    items: Mapping[Resource, Sequence[PartialObjectMetadata]] = field(default_factory=dict)
    discovery_error: str = ""
    list_errors: Sequence[str] = ()

    @property
    def failure(self) -> ApiError | None:
        """What kept us from knowing all."""
        said = [*filter(None, [self.discovery_error]), *self.list_errors]
        return ApiError(", ".join(said)) if said else None


async def reconcile(live: Live, key: Key) -> Plan:
    """Look at a namespace that is being deleted, on the server: a cache may lag behind what was just created."""
    cached = live.get(Namespace, "", key.name)
    if cached is None or cached.metadata.deletionTimestamp is None:
        return NOTHING
    try:
        namespace = await live.client.get(Namespace, key.name)
    except NotFoundError:
        return NOTHING
    if namespace.metadata.uid != cached.metadata.uid or FINALIZER not in namespace.spec.finalizers:
        return NOTHING
    content = await observe(live.client, key.name)
    graces = [pod.spec.terminationGracePeriodSeconds or 0 for pod in live.list(Pod, key.name) if not is_finished(pod)]
    return plan(namespace, content, max(graces, default=0), live.now)


async def observe(client: Client, namespace: str) -> Content:
    """List what a namespace holds of every resource that can be deleted; while there are pods, only those.

    What cannot be listed keeps nothing else from being listed.
    """
    error = ""
    resources: list[Resource] = []
    try:
        resources = await discover(client)
    except DiscoveryError as failure:
        resources, error = failure.found, str(failure)
    except ApiError as failure:
        error = str(failure)
    deletable = [row for row in resources if row.namespaced and {"list", "delete"} <= set(row.verbs)]
    items, errors = await _list(client, filter(_is_pods, deletable), namespace)
    if not items:
        items, more = await _list(client, itertools.filterfalse(_is_pods, deletable), namespace)
        errors += more
    return Content(items, error, errors)


def plan(namespace: Namespace, content: Content, grace: int, now: datetime) -> Plan:
    """Plan one pass. `grace` is the longest grace period of a pod, in seconds."""
    changed = namespace.copy()
    changed.status.phase = "Terminating"
    _judge(changed, content, now)
    said: tuple[Action, ...] = (Update(changed, "status"),) if changed.status != namespace.status else ()
    unknown = content.failure
    if not content.items:
        if unknown is not None:
            return Plan(said, failure=unknown)
        if said and (namespace.metadata.finalizers or len(namespace.spec.finalizers) > 1):  # it will stay, so tell
            return Plan(said, AT_ONCE)
        return Plan((Update(_finalized(namespace), "finalize", ignore=(NotFoundError,)),))
    leaving = [item for items in content.items.values() for item in items if item.metadata.deletionTimestamp]
    staying = {row: items for row, items in content.items.items() if any(not item.metadata.deletionTimestamp for item in items)}
    deletions = tuple(deletion for row, items in staying.items() for deletion in _deletions(row, namespace.metadata.name, items))
    if not leaving and unknown is None:
        said = ()
    wait = AT_ONCE if staying else _wait(namespace, leaving, grace, now)

    def then(failure: Failure | None) -> Plan:
        if failure is None:
            return NOTHING
        failed = changed.copy()
        message = f"Failed to delete all resource types, 1 remaining: {failure}"
        _set(failed, "NamespaceDeletionContentFailure", ("True", "ContentDeletionFailed", message), now)
        return Plan((Update(failed, "status"),)) if not said and failed.status != namespace.status else NOTHING

    return Plan((*said, Together(deletions)) if deletions else said, wait, then, failure=unknown)


def _judge(namespace: Namespace, content: Content, now: datetime) -> None:
    said = {kind: ("False", reason, message) for kind, (reason, message) in _HEALTHY.items()}
    if content.discovery_error:
        said["NamespaceDeletionDiscoveryFailure"] = ("True", "DiscoveryFailed", content.discovery_error)
    if content.list_errors:
        text = f"Failed to delete all resource types, {len(content.list_errors)} remaining: {', '.join(sorted(content.list_errors))}"
        said["NamespaceDeletionContentFailure"] = ("True", "ContentDeletionFailed", text)
    leaving = {row: items for row, items in content.items.items() if any(item.metadata.deletionTimestamp for item in items)}
    if leaving:
        counts = sorted(f"{row.plural}.{row.group} has {len(items)} resource instances" for row, items in leaving.items())
        said["NamespaceContentRemaining"] = ("True", "SomeResourcesRemain", f"Some resources are remaining: {', '.join(counts)}")
    finalizers = Counter(name for items in leaving.values() for item in items for name in item.metadata.finalizers)
    if finalizers:
        counts = sorted(f"{name} in {count} resource instances" for name, count in finalizers.items())
        text = f"Some content in the namespace has finalizers remaining: {', '.join(counts)}"
        said["NamespaceFinalizersRemaining"] = ("True", "SomeFinalizersRemain", text)
    for kind, words in said.items():
        _set(namespace, kind, words, now)


def _set(namespace: Namespace, kind: str, said: tuple[str, str, str], now: datetime) -> None:
    status, reason, message = said
    old = conditions.find(namespace.status.conditions, kind)
    if old is None:
        old = NamespaceCondition(type=kind)
        namespace.status.conditions.append(old)
    if old.status != status:
        old.lastTransitionTime = format_time(now)
    old.status, old.reason, old.message = status, reason, message


def _deletions(row: Resource, namespace: str, items: Iterable[PartialObjectMetadata]) -> Iterable[DeleteCollection | Delete]:
    if "deletecollection" in row.verbs:
        return [DeleteCollection(row, namespace, ignore=(NotFoundError, MethodNotAllowedError))]
    return [Delete(row, item.metadata.name, namespace, item.metadata.uid) for item in items]


def _wait(namespace: Namespace, leaving: Iterable[PartialObjectMetadata], grace: int, now: datetime) -> float:
    """Wait for finalizers and pods; a pod's end wakes the loop earlier."""
    if any(item.metadata.finalizers for item in leaving):
        return FINALIZER_WAIT
    since = (now - parse_time(namespace.metadata.deletionTimestamp or format_time(now))).total_seconds()
    return grace / 2 + 1 if since < grace else 1.0


def _finalized(namespace: Namespace) -> Namespace:
    done = namespace.copy()
    done.spec.finalizers = [name for name in namespace.spec.finalizers if name != FINALIZER]
    return done


def _is_pods(row: Resource) -> bool:
    return not row.group and row.plural == "pods"


async def _list(
    client: Client, rows: Iterable[Resource], namespace: str
) -> tuple[dict[Resource, Sequence[PartialObjectMetadata]], list[str]]:
    found: dict[Resource, Sequence[PartialObjectMetadata]] = {}
    errors: list[str] = []
    slots = asyncio.Semaphore(PARALLEL_LISTS)

    async def one(row: Resource, tries: int = TRIES) -> None:
        try:
            async with slots:
                items = (await client.list(metadata_only(row), namespace)).items
        except (NotFoundError, MethodNotAllowedError):  # the resource went away meanwhile
            return
        except (ApiError, OSError) as error:
            if tries > 1:
                await one(row, tries - 1)
            else:
                errors.append(str(error))
        else:
            if items:
                found[row] = items

    async with asyncio.TaskGroup() as group:
        for row in rows:
            group.create_task(one(row))
    return found, errors


def _of_leaving(view: View, pod: Pod) -> Iterable[Key]:
    namespace = view.get(Namespace, "", pod.metadata.namespace)
    return (Key("", pod.metadata.namespace),) if namespace is not None and namespace.metadata.deletionTimestamp else ()


CONTROLLER = Controller(
    name="namespace",
    account="namespace-controller",
    watches=(
        Watch(Namespace, changed=updated(lambda old, new: old.metadata.deletionTimestamp != new.metadata.deletionTimestamp)),
        Watch(Pod, _of_leaving, vanished),
    ),
    writes={"*": ("delete", "deletecollection"), **writes(("update", Namespace, "status"), ("update", Namespace, "finalize"))},
    reconcile_live=reconcile,
    workers=10,
    longest_delay=60.0,
)
