"""What happens to the resources of a definition that is being deleted: all of them go first, then its finalizer."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sagong.api.clock import format_time
from sagong.api.errors import ApiError, ConflictError, NotFoundError
from sagong.api.resources import TABLE
from sagong.api.types.apiextensions import CustomResourceDefinition
from sagong.api.types.meta import DeleteOptions
from sagong.server.custom.conditions import is_true, set_condition
from sagong.server.custom.kind import CustomKind
from sagong.server.registry import own
from sagong.server.registry.delete import delete_object
from sagong.server.registry.prepare_kinds import CLEANUP
from sagong.server.registry.registry import Registry
from sagong.server.registry.write import Call
from sagong.store.base import StoreClosedError, StoreWriteError

POLL, RETRY = 1.0, 5.0
log = logging.getLogger(__name__)
Said = tuple[str, str, str]
IN_PROGRESS = ("True", "InstanceDeletionInProgress", "CustomResource deletion is in progress")
COMPLETED = ("False", "InstanceDeletionCompleted", "removed all instances")
NEVER = ("False", "NeverEstablished", "resource was never established")
OVERLAPPING = ("False", "OverlappingBuiltInResource", "instances overlap with built-in resources in storage")


async def clean_up(registry: Registry, definition: CustomResourceDefinition, kind: Callable[[], CustomKind | None]) -> None:
    """See the deletion of a definition through; `kind` is what is served of it now."""
    name, uid = definition.metadata.name, definition.metadata.uid
    while True:
        try:
            if await _pass(registry, name, uid, kind):
                return
        except StoreClosedError:
            return
        except (ApiError, StoreWriteError) as error:
            log.warning("cannot finish the deletion of %s: %s", name, error)
        await registry.clock.sleep(RETRY)


async def _pass(registry: Registry, name: str, uid: str, kind: Callable[[], CustomKind | None]) -> bool:
    """Delete what there is, once; return whether the definition needs no more."""
    definition = await _say(registry, name, uid, IN_PROGRESS)
    if definition is None:
        return True
    spec = definition.spec
    if any((row.group, row.plural) == (spec.group, spec.names.plural) for row in TABLE):
        outcome = OVERLAPPING
    elif not is_true(definition, "Established"):
        outcome = NEVER
    else:
        outcome = await _delete_all(registry, kind())
    done = outcome[0] == "False"
    return await _say(registry, name, uid, outcome, release=done) is None or done


async def _delete_all(registry: Registry, kind: CustomKind | None) -> Said:
    """Delete every object, and wait until those with finalizers are gone too."""
    if kind is None:
        return "True", "InstanceDeletionFailed", "could not list instances: the resource is not served"
    row = kind.storage.row
    failures: list[str] = []
    for entry in registry.store.list(row.storage_prefix):
        *_, namespace, name = entry.key.removeprefix(row.storage_prefix.rstrip("/")).split("/")
        call = Call(own.APISERVER, namespace if row.namespaced else "", name, manager=own.MANAGER, admit=False)
        try:
            await delete_object(registry, row, call, DeleteOptions())
        except NotFoundError:
            continue
        except ApiError as error:
            failures.append(str(error))
    if failures:
        return "True", "InstanceDeletionFailed", f"could not issue all deletes: {', '.join(dict.fromkeys(failures))}"
    while registry.store.count(row.storage_prefix):
        await registry.clock.sleep(POLL)
    return COMPLETED


async def _say(registry: Registry, name: str, uid: str, said: Said, *, release: bool = False) -> CustomResourceDefinition | None:
    """Set the condition Terminating, and take the finalizer off; return the definition, None when it is gone."""
    from sagong.server.objects import ServerObjects  # noqa: PLC0415 - it imports the registry, as we do

    objects = ServerObjects(registry)
    while True:
        live = objects.get(CustomResourceDefinition, name)
        if live is None or live.metadata.uid != uid or CLEANUP not in live.metadata.finalizers:
            return None
        new = live.copy()
        set_condition(new, "Terminating", said, format_time(registry.clock.now()))
        if release:
            new.metadata.finalizers = [found for found in new.metadata.finalizers if found != CLEANUP]
        try:
            return await own.update(registry, new, "status")
        except ConflictError:
            continue
        except NotFoundError:
            return None
