"""Controller references: who owns an object, and how owners adopt what matches and release what no longer does.

A claim never takes an object from another controller, and an owner that is being deleted adopts nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sagong.api.errors import InvalidError, NotFoundError
from sagong.api.resources import resource_of
from sagong.api.selectors import Selector
from sagong.api.types.base import ApiStruct
from sagong.api.types.meta import OwnerReference
from sagong.client.plan import Action, Confirm, Patch
from sagong.controllers.declaration import Key, Keys
from sagong.controllers.view import View, controller_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Claim(Generic[T]):
    """What an owner has after adopting and releasing, and the actions that make it so."""

    owned: Sequence[T]
    actions: tuple[Action, ...]


def controller_reference(owner: Any) -> OwnerReference:
    """Return the reference that makes `owner` the controller of an object."""
    kind: type[ApiStruct] = type(owner)
    row = resource_of(kind)
    return OwnerReference(
        apiVersion=row.api_version,
        kind=row.kind,
        name=owner.metadata.name,
        uid=owner.metadata.uid,
        controller=True,
        blockOwnerDeletion=True,
    )


def claim(
    owner: Any, objects: Iterable[T], selector: Selector, matches: Callable[[T], bool] = lambda _: True, *, finalizer: str = ""
) -> Claim[T]:
    """Decide which objects belong to `owner`: its own and the orphans that the selector and `matches` accept.

    `finalizer` is one that owned objects have: adopted ones get it, released ones lose it.
    """
    leaving = owner.metadata.deletionTimestamp is not None
    owned: list[T] = []
    adoptions: list[Action] = []
    releases: list[Action] = []
    for obj in objects:
        meta: Any = obj.metadata  # type: ignore[attr-defined]  # every resource's Struct has it
        wanted = selector.matches(meta.labels) and matches(obj)
        holder = controller_of(obj)
        if holder is not None and holder.uid == owner.metadata.uid:
            if wanted:
                owned.append(obj)
            elif not leaving:
                releases.append(_release(owner, obj, finalizer))
        elif holder is None and wanted and not leaving and meta.deletionTimestamp is None:
            adoptions.append(_adopt(owner, obj, finalizer))
            owned.append(obj)
    confirmed = (Confirm(type(owner), owner.metadata.name, owner.metadata.namespace, owner.metadata.uid),) if adoptions else ()
    return Claim(owned, (*confirmed, *adoptions, *releases))


def selecting(owners: type[Any], selector_of: Callable[[Any], Selector]) -> Keys:
    """Return the keys of those owners of the namespace whose selector takes an orphan; for the watch of what is adopted."""

    def keys(view: View, obj: Any) -> Iterable[Key]:
        if controller_of(obj) is not None or not obj.metadata.labels:
            return ()
        return [
            Key(owner.metadata.namespace, owner.metadata.name)
            for owner in view.list(owners, obj.metadata.namespace)
            if not (selector := selector_of(owner)).empty and selector.matches(obj.metadata.labels)
        ]

    return keys


def without_finalizer(obj: Any, finalizer: str) -> Patch:
    """Take a finalizer off a built-in object."""
    body = {"metadata": {"$deleteFromPrimitiveList/finalizers": [finalizer], "uid": obj.metadata.uid}}
    return Patch(type(obj), obj.metadata.name, obj.metadata.namespace, body, "strategic", ignore=(NotFoundError,))


def _adopt(owner: Any, obj: Any, finalizer: str) -> Patch:
    return _patch(obj, controller_reference(owner), {"finalizers": [finalizer]} if finalizer else {})


def _release(owner: Any, obj: Any, finalizer: str) -> Patch:
    extra = {"$deleteFromPrimitiveList/finalizers": [finalizer]} if finalizer else {}
    return _patch(obj, {"$patch": "delete", "uid": owner.metadata.uid}, extra, ignore=(NotFoundError, InvalidError))


def _patch(obj: Any, reference: Any, extra: dict[str, Any], ignore: tuple[Any, ...] = (NotFoundError,)) -> Patch:
    """Patch an object's owners; its uid in the patch makes sure that it is still the same object."""
    body = {"metadata": {"ownerReferences": [reference], "uid": obj.metadata.uid, **extra}}
    return Patch(type(obj), obj.metadata.name, obj.metadata.namespace, body, "strategic", ignore=ignore)
