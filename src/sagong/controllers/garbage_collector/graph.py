"""Who depends on whom, over all resources. Nodes are the informers' objects; only the edges are kept here.

A reference names its owner by kind and name, but means a uid: an object of that name with another uid is no owner.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sagong.api.resources import Resource
from sagong.api.types.meta import ObjectMeta, OwnerReference
from sagong.client.informer import Informer
from sagong.controllers.declaration import Key

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
MAX_ABSENT = 5000


class Place(NamedTuple):
    """Where an object is."""

    resource: Resource
    namespace: str
    name: str

    @property
    def key(self) -> Key:
        """The queue's key: `replicasets.apps/web` in its namespace."""
        return Key(self.namespace, f"{self.resource.group_resource}/{self.name}")


@dataclass(frozen=True, slots=True)
class Item:
    """An object of the graph."""

    place: Place
    meta: ObjectMeta

    @property
    def deleting(self) -> bool:
        """Whether it is being deleted."""
        return self.meta.deletionTimestamp is not None

    @property
    def waits_for_dependents(self) -> bool:
        """Whether it is being deleted in the foreground."""
        return self.deleting and FOREGROUND in self.meta.finalizers

    @property
    def orphans_dependents(self) -> bool:
        """Whether it is being deleted and leaves its dependents behind."""
        return self.deleting and ORPHAN in self.meta.finalizers


class Graph:
    """Edges from owners' uids to dependents, kept up to date by informers' changes."""

    def __init__(self) -> None:
        self._informers: dict[str, tuple[Resource, Informer[Any]]] = {}
        self._kinds: dict[tuple[str, str], Resource] = {}
        self._dependents: dict[str, set[Place]] = {}
        self._absent: OrderedDict[str, None] = OrderedDict()

    @property
    def resources(self) -> list[Resource]:
        """What is followed."""
        return [resource for resource, _ in self._informers.values()]

    def follow(self, resource: Resource, informer: Informer[Any], wake: Callable[[Key], None]) -> None:
        """Follow a resource; `wake` is called with keys that need a look."""
        self._informers[resource.group_resource] = (resource, informer)
        self._find_kinds()

        def handle(old: Any, new: Any) -> None:
            if informer is self._informers.get(resource.group_resource, (None, None))[1]:
                for place in self._changed(resource, old.metadata if old is not None else None, new.metadata if new is not None else None):
                    wake(place.key)

        informer.add_handler(handle)

    def unfollow(self, resource: Resource) -> None:
        """Forget a resource that is no longer served."""
        self._informers.pop(resource.group_resource, None)
        self._find_kinds()
        for places in self._dependents.values():
            places.difference_update([place for place in places if place.resource == resource])

    def item(self, key: Key) -> Item | None:
        """Return the object of a key."""
        plural, _, name = key.name.partition("/")
        if plural not in self._informers:
            return None
        resource, informer = self._informers[plural]
        obj = informer.get(key.namespace, name)
        return Item(Place(resource, key.namespace, name), obj.metadata) if obj is not None else None

    def dependents(self, uid: str) -> list[Item]:
        """Return the objects that name an owner of that uid."""
        found = (self.item(place.key) for place in self._dependents.get(uid, ()))
        return [item for item in found if item is not None]

    def resource_of(self, reference: OwnerReference) -> Resource | None:
        """Return the resource that a reference means, at whatever version it is followed."""
        group = reference.apiVersion.rpartition("/")[0]
        return self._kinds.get((group, reference.kind))

    def owner(self, reference: OwnerReference, namespace: str) -> Item | None:
        """Return the owner that a reference of an object in `namespace` means, if the informers show it."""
        resource = self.resource_of(reference)
        if resource is None:
            return None
        place = Place(resource, namespace if resource.namespaced else "", reference.name)
        item = self.item(place.key)
        return item if item is not None and item.meta.uid == reference.uid else None

    def is_absent(self, uid: str) -> bool:
        """Say whether an object of that uid is known to be gone for good."""
        return uid in self._absent

    def note_absent(self, uid: str) -> None:
        """Remember that an object of that uid is gone: uids are not used again."""
        self._absent[uid] = None
        while len(self._absent) > MAX_ABSENT:
            self._absent.popitem(last=False)

    def _changed(self, resource: Resource, old: ObjectMeta | None, new: ObjectMeta | None) -> Iterable[Place]:
        """Update the edges; yield what needs a look."""
        meta = new or old
        assert meta is not None
        if not meta.ownerReferences and meta.deletionTimestamp is None and new is not None and not (old and old.ownerReferences):
            return
        place = Place(resource, meta.namespace, meta.name)
        before = {owner.uid for owner in old.ownerReferences} if old is not None else set()
        after = {owner.uid for owner in new.ownerReferences} if new is not None else set()
        for uid in before - after:
            self._dependents.get(uid, set()).discard(place)
            if not self._dependents.get(uid):
                self._dependents.pop(uid, None)
        for uid in after - before:
            self._dependents.setdefault(uid, set()).add(place)
        if old is not None and old.ownerReferences:
            yield from self._waiting_owners(old)
        if new is None:
            assert old is not None
            self.note_absent(old.uid)
            yield from self._dependents.get(old.uid, ())
        elif new.deletionTimestamp is not None and {FOREGROUND, ORPHAN} & set(new.finalizers):
            yield place
            yield from self._dependents.get(new.uid, ())
        elif new.ownerReferences and any(self._is_lost(owner, new.namespace) for owner in new.ownerReferences):
            yield place

    def _find_kinds(self) -> None:
        self._kinds = {(found.group, found.kind): found for found in reversed(self.resources)}

    def _waiting_owners(self, meta: ObjectMeta) -> Iterable[Place]:
        """Yield owners that wait for this dependent: they may go on when it changes."""
        for reference in meta.ownerReferences:
            owner = self.owner(reference, meta.namespace)
            if owner is not None and owner.waits_for_dependents:
                yield owner.place

    def _is_lost(self, reference: OwnerReference, namespace: str) -> bool:
        owner = self.owner(reference, namespace)
        return owner is None or owner.waits_for_dependents
