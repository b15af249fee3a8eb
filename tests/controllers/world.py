"""A world in memory: objects that control loops see as a `View`, and that change as their plans say. No loop, no network."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sagong.api.clock import SUFFIX_ALPHABET, format_time
from sagong.api.errors import ApiError
from sagong.api.resources import resource_of
from sagong.api.types.base import ApiStruct
from sagong.api.types.core import Container, Node, NodeCondition, Pod, PodCondition, PodSpec, PodTemplateSpec
from sagong.api.types.meta import LabelSelector, ObjectMeta, OwnerReference
from sagong.client.endpoint import endpoint_of
from sagong.client.plan import Action, Confirm, Create, Delete, Emit, Patch, Plan, Post, Together, Update
from sagong.controllers.declaration import Controller, Key
from sagong.controllers.view import INDEXES

T = TypeVar("T")
START = datetime(2026, 1, 1, tzinfo=UTC)


class CountingRandom:
    """Chance that can be foretold."""

    def __init__(self) -> None:
        self._count = itertools.count(1)

    def uid(self) -> str:
        return f"uid-{next(self._count):05}"

    def suffix(self, length: int = 5) -> str:
        number, text = next(self._count), ""
        for _ in range(length):
            number, digit = divmod(number, len(SUFFIX_ALPHABET))
            text += SUFFIX_ALPHABET[digit]
        return text

    def uniform(self) -> float:
        return 0.5

    def token(self, size: int) -> bytes:
        return bytes(next(self._count) % 256 for _ in range(size))


class World:
    """Objects by kind and key, a clock that is moved by hand, and what was said in events."""

    def __init__(self, *objects: Any) -> None:
        self.now = START
        self.random = CountingRandom()
        self.events: list[tuple[str, str]] = []
        self.summaries: list[str] = []
        self.refuse: Callable[[Action], ApiError | None] = lambda _: None
        self._revision = itertools.count(1)
        self._objects: dict[tuple[type, str, str], Any] = {}
        for obj in objects:
            self.add(obj)

    # What a View offers.

    def get(self, kind: type[T], namespace: str, name: str) -> T | None:
        found: T | None = self._objects.get((kind, namespace, name))
        return found

    def list(self, kind: type[T], namespace: str = "") -> Sequence[T]:
        return [obj for (found, where, _), obj in self._objects.items() if found is kind and namespace in ("", where)]

    def by_index(self, kind: type[T], index: str, value: str) -> Sequence[T]:
        return [obj for obj in self.list(kind) if value in INDEXES[index](obj)]

    # What tests do to it.

    def add(self, obj: T) -> T:
        """Put an object in, as the server would store it."""
        meta: ObjectMeta = obj.metadata  # type: ignore[attr-defined]
        meta.name = meta.name or meta.generateName + self.random.suffix()
        meta.uid = meta.uid or self.random.uid()
        meta.creationTimestamp = meta.creationTimestamp or format_time(self.now)
        meta.generation = meta.generation or 1
        self._store(obj)
        return obj

    def one(self, kind: type[T], name: str, namespace: str = "default") -> T:
        """Return an object that must be there."""
        found = self.get(kind, namespace, name) or self.get(kind, "", name)
        assert found is not None, f"no {kind.__name__} {name}"
        return found

    def change(self, obj: T, **spec: Any) -> T:
        """Change an object's spec, as a user would."""
        copy: Any = obj.copy()  # type: ignore[attr-defined]
        for name, value in spec.items():
            setattr(copy.spec, name, value)
        copy.metadata.generation += 1
        self._store(copy)
        changed: T = copy
        return changed

    def replace(self, obj: Any) -> None:
        """Store an object that was changed."""
        self._store(obj)

    def remove(self, obj: Any) -> None:
        """Take an object out."""
        self._objects.pop((type(obj), obj.metadata.namespace, obj.metadata.name), None)

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def reconcile(self, controller: Controller, name: str, namespace: str = "default") -> Plan:
        """Plan one key and carry it out."""
        assert controller.reconcile is not None
        plan = controller.reconcile(self, Key(namespace, name))
        self.carry_out(plan, controller)
        return plan

    def settle(self, *controllers: Controller, each: Callable[[], None] = lambda: None, rounds: int = 60) -> int:
        """Reconcile every object of every controller's first kind until nothing changes; return the rounds that took."""
        for number in range(rounds):
            before = dict(self._objects)
            for controller in controllers:
                for obj in self.list(controller.watches[0].kind):  # type: ignore[arg-type]
                    self.reconcile(controller, obj.metadata.name, obj.metadata.namespace)
            each()
            if before == self._objects:
                return number
        raise AssertionError(f"still changing after {rounds} rounds: {self.summaries[-3:]}")

    # Carrying out plans.

    def carry_out(self, plan: Plan, controller: Controller | None = None) -> None:
        """Do what a plan says; a refused action ends it, as in the real `apply`."""
        failure: ApiError | None = None
        if plan.actions:
            self.summaries.append(plan.summary())
        try:
            for action in plan.actions:
                self._act(action, controller)
        except ApiError as error:
            failure = error
        if plan.then is not None:
            self.carry_out(plan.then(failure), controller)

    def _act(self, action: Action, controller: Controller | None) -> None:
        if isinstance(action, Together):
            for one in action.actions:
                self._act(one, controller)
            return
        if isinstance(action, Emit):
            self.events.append((action.reason, action.message))
            return
        if isinstance(action, Confirm | Post):
            return
        self._check(action, controller)
        error = self.refuse(action)
        told = getattr(action, "told", None)
        if error is not None:
            if told and told.failure:
                self.events.append((told.failure[0], told.failure[1].replace("{error}", str(error))))
            raise error
        name = self._write(action)
        if told and told.success:
            self.events.append((told.success[0], told.success[1].replace("{name}", name)))

    def _write(self, action: Any) -> str:
        if isinstance(action, Create):
            return self.add(action.obj.copy()).metadata.name  # type: ignore[no-any-return]
        if isinstance(action, Update):
            self._update(action)
            return str(action.obj.metadata.name)
        kind = endpoint_of(action.kind).type if isinstance(action.kind, type) else action.kind
        obj = self.get(kind, action.namespace, action.name)
        if obj is not None and isinstance(action, Delete):
            self._delete(obj)
        elif obj is not None and isinstance(action, Patch):
            self._store(_patched(obj, action.patch))
        return str(action.name)

    def _update(self, action: Update) -> None:
        current = self._objects[type(action.obj), action.obj.metadata.namespace, action.obj.metadata.name]
        new = action.obj.copy()
        if action.subresource == "status":
            new.spec = current.spec
        elif hasattr(new, "status"):
            new.status = current.status
            new.metadata.generation = current.metadata.generation + (getattr(new, "spec", None) != getattr(current, "spec", None))
        self._store(new)

    def _delete(self, obj: Any) -> None:
        if obj.metadata.finalizers and obj.metadata.deletionTimestamp is None:
            leaving = obj.copy()
            leaving.metadata.deletionTimestamp = format_time(self.now)
            self._store(leaving)
        elif not obj.metadata.finalizers:
            self.remove(obj)

    def _store(self, obj: Any) -> None:
        obj.metadata.resourceVersion = str(next(self._revision))
        self._objects[type(obj), obj.metadata.namespace, obj.metadata.name] = obj
        if obj.metadata.deletionTimestamp is not None and not obj.metadata.finalizers and not isinstance(obj, Pod):
            self.remove(obj)

    def _check(self, action: Any, controller: Controller | None) -> None:
        """Insist, as `apply` does, that a write is declared."""
        if controller is None:
            return
        verb = {Create: "create", Update: "update", Patch: "patch", Delete: "delete"}[type(action)]
        kind = type(action.obj) if isinstance(action, Create | Update) else action.kind
        target = endpoint_of(kind).resource.group_resource
        if getattr(action, "subresource", ""):
            target += f"/{action.subresource}"
        assert verb in controller.writes.get(target, ()), f"{verb} {target} is not declared"


def _patched(obj: Any, patch: Any) -> Any:
    """Apply those merge patches that plans make: owners, finalizers, annotations, labels, status fields and conditions."""
    new = obj.copy()
    meta = patch.get("metadata", {})
    for reference in meta.get("ownerReferences", ()):
        uid = reference["uid"] if isinstance(reference, dict) else reference.uid
        new.metadata.ownerReferences = [owner for owner in new.metadata.ownerReferences if owner.uid != uid]
        if isinstance(reference, OwnerReference):
            new.metadata.ownerReferences.append(reference)
    gone = meta.get("$deleteFromPrimitiveList/finalizers", ())
    new.metadata.finalizers = [name for name in [*new.metadata.finalizers, *meta.get("finalizers", ())] if name not in gone]
    new.metadata.annotations |= meta.get("annotations", {})
    new.metadata.labels |= meta.get("labels", {})
    for part in ("spec", "status"):
        for name, value in patch.get(part, {}).items():
            if name == "conditions":
                kinds = {entry.type for entry in value}
                value = [entry for entry in new.status.conditions if entry.type not in kinds] + list(value)  # noqa: PLW2901
            setattr(getattr(new, part), name, value if value is not None else [])
    return new


# Objects that tests are about.


def template(image: str = "app:1", **labels: str) -> PodTemplateSpec:
    spec = PodSpec(containers=[Container(name="main", image=image)])
    return PodTemplateSpec(metadata=ObjectMeta(labels=labels or {"app": "web"}), spec=spec)


def selector(**labels: str) -> LabelSelector:
    return LabelSelector(matchLabels=labels or {"app": "web"})


def meta(name: str, namespace: str = "default", **fields: Any) -> ObjectMeta:
    return ObjectMeta(name=name, namespace=namespace, **fields)


def owned_by(owner: Any) -> list[OwnerReference]:
    kind: type[ApiStruct] = type(owner)
    row = resource_of(kind)
    return [OwnerReference(apiVersion=row.api_version, kind=row.kind, name=owner.metadata.name, uid=owner.metadata.uid, controller=True)]


def node(name: str, ready: str = "True", **labels: str) -> Node:
    found = Node(metadata=ObjectMeta(name=name, labels={"kubernetes.io/hostname": name, **labels}))
    found.status.conditions = [NodeCondition(type="Ready", status=ready, lastHeartbeatTime=format_time(START))]
    return found


def set_ready(world: World, pod: Pod, status: str = "True", phase: str = "Running", on: str = "") -> Pod:
    """Have a kubelet say how a pod is."""
    new = pod.copy()
    new.status.phase = phase
    new.spec.nodeName = on or new.spec.nodeName or "node-1"
    new.status.conditions = [found for found in new.status.conditions if found.type != "Ready"]
    new.status.conditions.append(PodCondition(type="Ready", status=status, lastTransitionTime=format_time(world.now)))
    world.replace(new)
    return new


def run_pods(world: World, pods: Iterable[Pod] | None = None) -> None:
    """Be the scheduler and every kubelet: pods become ready, those that are deleted go."""
    for pod in tuple(pods if pods is not None else world.list(Pod)):
        if pod.metadata.deletionTimestamp is not None:
            world.remove(pod)
        elif pod.status.phase in ("", "Pending"):
            set_ready(world, pod)
