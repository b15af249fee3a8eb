"""Controller revisions: the past templates of a daemon set or stateful set, as `kubectl rollout history` and `undo` read them.

A revision's data is a patch that puts its template back: {"spec": {"template": {..., "$patch": "replace"}}}. Revisions are told
apart by their meaning, not their bytes, so that those that upstream wrote stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from sagong.api.errors import AlreadyExistsError
from sagong.api.types.apps import ControllerRevision
from sagong.api.types.core import PodTemplateSpec
from sagong.api.types.meta import ObjectMeta
from sagong.client.plan import Action, Create, Delete, Update
from sagong.controllers.ownership import controller_reference
from sagong.controllers.pod_template import template_hash

HASH_LABEL = "controller-revision-hash"


@dataclass(frozen=True, slots=True)
class Revisions:
    """The revision of the present template, the others, and what must be written so that it is so."""

    current: ControllerRevision
    old: tuple[ControllerRevision, ...]
    actions: tuple[Action, ...]
    collision: bool = False

    @property
    def hash(self) -> str:
        """The value of the label that pods of the present template have."""
        return self.current.metadata.labels.get(HASH_LABEL, "")


def revisions(
    owner: Any,
    owned: Iterable[ControllerRevision],
    named: Callable[[str], ControllerRevision | None],
    hash_label: str = HASH_LABEL,
) -> Revisions:
    """Find the present template's revision among `owned`, or make it.

    `named` looks a revision up by name: when the name that the new one would get is taken by another template, `collision` is
    set and the owner must count it. `hash_label` is the label of a revision that holds its hash.
    """
    template: PodTemplateSpec = owner.spec.template
    matching = [found for found in owned if template_of(found) == template]
    old = tuple(sorted((found for found in owned if found not in matching), key=lambda found: found.revision))
    number = max((found.revision for found in old), default=0) + 1
    if not matching:
        new = new_revision(owner, number, hash_label)
        taken = named(new.metadata.name)
        if taken is not None and template_of(taken) != template:
            return Revisions(new, old, (), collision=True)
        return Revisions(new, old, (Create(new, ignore=(AlreadyExistsError,)),))
    current = max(matching, key=lambda found: found.revision)
    actions: list[Action] = [
        Delete(ControllerRevision, found.metadata.name, found.metadata.namespace, found.metadata.uid)
        for found in matching
        if found is not current
    ]
    if current.revision < number:
        current = current.copy()
        current.revision = number
        actions.append(Update(current))
    return Revisions(current, old, tuple(actions))


def new_revision(owner: Any, number: int, hash_label: str = HASH_LABEL) -> ControllerRevision:
    """Return the revision of an owner's present template."""
    template: PodTemplateSpec = owner.spec.template
    digest = template_hash(template, owner.status.collisionCount)
    return ControllerRevision(
        metadata=ObjectMeta(
            name=f"{owner.metadata.name}-{digest}",
            namespace=owner.metadata.namespace,
            labels={**template.metadata.labels, hash_label: digest},
            annotations=dict(owner.metadata.annotations),
            ownerReferences=[controller_reference(owner)],
        ),
        # with sorted keys: upstream's clients compare the bytes
        data={"spec": {"template": {"$patch": "replace", **msgspec.to_builtins(template, order="sorted")}}},
        revision=number,
    )


def template_of(revision: ControllerRevision) -> PodTemplateSpec | None:
    """Return the template that a revision holds, None when it holds none that can be read."""
    try:
        raw = dict(revision.data["spec"]["template"])
        raw.pop("$patch", None)
        return msgspec.convert(_without_nulls(raw), PodTemplateSpec)
    except (KeyError, TypeError, msgspec.ValidationError):
        return None


def surplus(old: Sequence[ControllerRevision], limit: int | None, live: Iterable[str]) -> tuple[Action, ...]:
    """Delete the oldest revisions beyond `limit` that no pod (whose hashes or names are `live`) is of."""
    used = set(live)
    unused = [found for found in old if not {found.metadata.labels.get(HASH_LABEL, ""), found.metadata.name} & used]
    excess = len(unused) - (10 if limit is None else limit)
    return tuple(
        Delete(ControllerRevision, found.metadata.name, found.metadata.namespace, found.metadata.uid) for found in unused[: max(excess, 0)]
    )


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
