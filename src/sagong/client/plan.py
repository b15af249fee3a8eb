"""What a controller decided, as a value: actions in order, printed by `summary`, carried out by `apply`.

A plan stops at its first failure. What is to be written after that, such as a status that tells of the failure, is the plan
that `then` returns when it is given the failure (None for success).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sagong.api.errors import ApiError, ConflictError, NotFoundError
from sagong.api.resources import Resource
from sagong.client.client import Client, PatchType
from sagong.client.endpoint import Endpoint, endpoint_of, identity, metadata_only, names_only
from sagong.client.events import EventType, Recorder

NAMESPACE_TERMINATING = "NamespaceTerminating"
TERMINATING_REST = 1.0
"""seconds until it is tried again to create something in a namespace that terminates: it may be gone, and made anew, by then"""

Failure = ApiError | OSError


@dataclass(frozen=True, slots=True)
class Told:
    """Events about `about` that an action's outcome makes: (reason, message); `{name}` and `{error}` are filled in."""

    about: Any
    success: tuple[str, str] | None = None
    failure: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Create:
    """Create an object. In a namespace that terminates it is not an error that this fails, and the key then rests for a while."""

    obj: Any
    resource: Resource | None = None
    told: Told | None = None
    ignore: tuple[type[ApiError], ...] = ()


@dataclass(frozen=True, slots=True)
class Update:
    """Replace an object, or a subresource of it."""

    obj: Any
    subresource: str = ""
    resource: Resource | None = None
    told: Told | None = None
    ignore: tuple[type[ApiError], ...] = ()


@dataclass(frozen=True, slots=True)
class Patch:
    """Patch an object."""

    kind: Any
    name: str
    namespace: str
    patch: Any
    patch_type: PatchType = "merge"
    subresource: str = ""
    told: Told | None = None
    ignore: tuple[type[ApiError], ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete an object; one that is gone or has another uid or resourceVersion counts as deleted."""

    kind: Any
    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    grace_period_seconds: int | None = None
    propagation_policy: str = ""
    told: Told | None = None
    ignore: tuple[type[ApiError], ...] = (NotFoundError, ConflictError)


@dataclass(frozen=True, slots=True)
class DeleteCollection:
    """Delete all objects of a kind in a namespace; kinds that do not know this verb need a Delete for each."""

    kind: Any
    namespace: str
    told: Told | None = None
    ignore: tuple[type[ApiError], ...] = (NotFoundError,)


@dataclass(frozen=True, slots=True)
class Post:
    """Post a body to a subresource, such as an eviction."""

    kind: Any
    name: str
    namespace: str
    subresource: str
    body: Any
    told: Told | None = None
    ignore: tuple[type[ApiError], ...] = ()


@dataclass(frozen=True, slots=True)
class Confirm:
    """Go on only if the live object still has this uid and is not being deleted; a cached one may be out of date."""

    kind: Any
    name: str
    namespace: str
    uid: str


@dataclass(frozen=True, slots=True)
class Emit:
    """Record an event."""

    about: Any
    type: EventType
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Together:
    """Writes at the same time, all tried.

    With `slow_start` in batches of 1, 2, 4, ..., none after a batch with a failure, or a creation in a namespace that terminates.
    """

    actions: tuple[Write, ...]
    slow_start: bool = False


Write = Create | Update | Patch | Delete | DeleteCollection | Post
Action = Write | Confirm | Emit | Together


@dataclass(frozen=True, slots=True)
class Plan:
    """Actions in order; seconds until the key is looked at again; what follows the outcome.

    `rest`: seconds for which changes that concern the key are gathered before it is looked at again (`rest_after`).
    `handled`: a failure is settled by what follows, and no reason to try again with a back-off. `notes`: for the controller's meter.
    `failure`: what could not be looked at; the plan is carried out all the same, and the key tried again with a back-off.
    """

    actions: tuple[Action, ...] = ()
    requeue_after: float | None = None
    then: Callable[[Failure | None], Plan] | None = None
    handled: bool = False
    notes: tuple[Any, ...] = ()
    rest: float = 0.0
    failure: Failure | None = None

    def summary(self) -> str:
        """Say in one line what is to be done."""
        parts = [_describe(action) for action in self.actions]
        if self.requeue_after is not None:
            parts.append(f"again in {self.requeue_after:g} s")
        return "; ".join(parts) or "nothing"


NOTHING = Plan()
MANY = 100
REST_EACH = 0.0001
"""Seconds. So 1,000 objects, which take about 10 ms to look at, are looked at ten times a second at most."""


def rest_after(count: int) -> float:
    """Return how long a key rests whose every look is at `count` objects: a look for each of their changes is the square of it."""
    return count * REST_EACH if count >= MANY else 0.0


@dataclass(frozen=True, slots=True)
class Written:
    """A write that happened, for which action. `resource_version` is empty for a deletion and for a subresource's answer."""

    resource: Resource
    namespace: str
    name: str
    uid: str
    resource_version: str
    action: Write


@dataclass(slots=True)
class Outcome:
    """What an applied plan wrote, and the failure that ended it."""

    written: list[Written] = field(default_factory=list)
    failure: Failure | None = None
    requeue_after: float | None = None
    rest: float = 0.0


class UndeclaredWriteError(RuntimeError):
    """A plan holds a write that its controller does not declare: an error of the program."""


async def apply(plan: Plan, client: Client, recorder: Recorder | None, *, declared: Mapping[str, Collection[str]]) -> Outcome:
    """Carry a plan out.

    `declared` maps `deployments.apps`, `deployments.apps/status` or `*` to verbs. Failures are returned, not raised; raises
    UndeclaredWriteError.
    """
    applier = _Applier(client, recorder, declared)
    try:
        for action in plan.actions:
            await applier.act(action)
    except (ApiError, OSError) as error:
        applier.outcome.failure = error
    outcome = applier.outcome
    outcome.requeue_after = plan.requeue_after
    outcome.rest = max(outcome.rest, plan.rest)
    if plan.then is not None:
        after = await apply(plan.then(outcome.failure), client, recorder, declared=declared)
        outcome.written += after.written
        outcome.rest = max(outcome.rest, after.rest)
        outcome.failure = (None if plan.handled else outcome.failure) or after.failure
        delays = [delay for delay in (outcome.requeue_after, after.requeue_after) if delay is not None]
        outcome.requeue_after = min(delays, default=None)
    outcome.failure = outcome.failure or plan.failure
    return outcome


class _Applier:
    def __init__(self, client: Client, recorder: Recorder | None, declared: Mapping[str, Collection[str]]) -> None:
        self._client, self._recorder, self._declared = client, recorder, declared
        self.outcome = Outcome()
        self._futile = False
        """whether a creation met a namespace that terminates"""

    async def act(self, action: Action) -> None:
        if isinstance(action, Emit):
            self._emit(action)
        elif isinstance(action, Together):
            await self._together(action)
        elif isinstance(action, Confirm):
            await self._confirm(action)
        else:
            await self._write(action)

    async def _confirm(self, confirm: Confirm) -> None:
        resource = endpoint_of(confirm.kind).resource
        live = await self._client.get(metadata_only(resource), confirm.name, confirm.namespace)
        gone = f"{resource.kind} {confirm.namespace}/{confirm.name}"
        if live.metadata.uid != confirm.uid:
            raise ConflictError(f"original {gone} is gone: got uid {live.metadata.uid}, wanted {confirm.uid}")
        if live.metadata.deletionTimestamp:
            raise ConflictError(f"{gone} has just been deleted at {live.metadata.deletionTimestamp}")

    async def _together(self, together: Together) -> None:
        left, size = list(together.actions), 1 if together.slow_start else len(together.actions)
        while left:
            batch, left = left[:size], left[size:]
            async with asyncio.TaskGroup() as group:
                tries = [group.create_task(self._tried(write)) for write in batch]
            for failure in (tried.result() for tried in tries):
                if failure is not None:
                    raise failure
            if self._futile and together.slow_start:
                return
            size *= 2

    async def _tried(self, write: Write) -> Failure | None:
        try:
            await self._write(write)
        except (ApiError, OSError) as error:
            return error
        return None

    async def _write(self, action: Write) -> None:
        self._check(action)
        try:
            written = await self._send(action)
        except (ApiError, OSError) as error:
            if _terminating(action, error):
                self._futile, self.outcome.rest = True, TERMINATING_REST
                return
            if isinstance(error, action.ignore):
                return
            self._tell(action, _describe(action), error)
            raise
        self.outcome.written.append(written)
        self._tell(action, written.name, None)

    async def _send(self, action: Write) -> Written:
        resource = _endpoint(action).resource
        if isinstance(action, Delete):
            await self._client.delete(
                action.kind,
                action.name,
                action.namespace,
                uid=action.uid,
                resource_version=action.resource_version,
                grace_period_seconds=action.grace_period_seconds,
                propagation_policy=action.propagation_policy,
            )
            return Written(resource, action.namespace, action.name, action.uid, "", action)
        if isinstance(action, DeleteCollection):
            await self._client.delete_collection(action.kind, action.namespace)
            return Written(resource, action.namespace, "", "", "", action)
        if isinstance(action, Post):
            await self._client.create_subresource(action.kind, action.name, action.namespace, action.subresource, action.body)
            return Written(resource, action.namespace, action.name, "", "", action)
        if isinstance(action, Create):
            result = await self._client.create(action.obj, resource=action.resource)
        elif isinstance(action, Update):
            result = await self._client.update(action.obj, action.subresource, resource=action.resource)
        else:
            result = await self._client.patch(
                names_only(action.kind),
                action.name,
                action.namespace,
                action.patch,
                patch_type=action.patch_type,
                subresource=action.subresource,
            )
        named = identity(result)
        return Written(resource, named.namespace, named.name, named.uid, named.resource_version, action)

    def _check(self, action: Write) -> None:
        target, verb = _target(action), _VERBS[type(action)]
        if verb not in self._declared.get(target, ()) and verb not in self._declared.get("*", ()):
            raise UndeclaredWriteError(f"{verb} {target} is not declared")

    def _emit(self, emit: Emit) -> None:
        if self._recorder is not None:
            self._recorder.event(emit.about, emit.type, emit.reason, emit.message)

    def _tell(self, action: Write, name: str, error: Failure | None) -> None:
        told = action.told
        if told is None:
            return
        said = told.failure if error is not None else told.success
        if said is not None:
            kind: EventType = "Warning" if error is not None else "Normal"
            self._emit(Emit(told.about, kind, said[0], said[1].replace("{name}", name).replace("{error}", str(error))))


_VERBS: dict[type, str] = {
    Create: "create",
    Update: "update",
    Patch: "patch",
    Delete: "delete",
    DeleteCollection: "deletecollection",
    Post: "create",
}


def _endpoint(action: Write) -> Endpoint[Any]:
    if isinstance(action, Create | Update):
        return endpoint_of(action.resource if action.resource is not None else type(action.obj))
    return endpoint_of(action.kind)


def _target(action: Write) -> str:
    subresource = "" if isinstance(action, Create | Delete | DeleteCollection) else action.subresource
    plural = _endpoint(action).resource.group_resource
    return f"{plural}/{subresource}" if subresource else plural


def _describe(action: Action) -> str:
    if isinstance(action, Emit):
        return f"{action.type} event {action.reason}: {action.message}"
    if isinstance(action, Confirm):
        return f"confirm {action.namespace}/{action.name}"
    if isinstance(action, Together):
        counts = Counter(map(_describe, action.actions))
        return ", ".join(f"{text} ({count} times)" if count > 1 else text for text, count in counts.items())
    if isinstance(action, Create | Update):
        named = identity(action.obj)
        namespace, name = named.namespace, named.name or f"{_generate_name(action.obj)}*"
    else:
        namespace, name = action.namespace, "*" if isinstance(action, DeleteCollection) else action.name
    return (
        f"{_VERBS[type(action)]} {_target(action)} {namespace}/{name}" if namespace else f"{_VERBS[type(action)]} {_target(action)} {name}"
    )


def _generate_name(obj: Any) -> str:
    return str(obj["metadata"].get("generateName", "") if isinstance(obj, dict) else obj.metadata.generateName)


def _terminating(action: Write, error: Failure) -> bool:
    return (
        isinstance(action, Create) and isinstance(error, ApiError) and any(cause.reason == NAMESPACE_TERMINATING for cause in error.causes)
    )
