"""The policies that are bound now, compiled: read from the store at each write, so that a new policy holds at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

import msgspec

from sagong.api import selectors
from sagong.api.resources import Resource, resource_of
from sagong.api.selectors import Selector
from sagong.api.types.admissionregistration import MatchResources
from sagong.api.types.base import ApiStruct
from sagong.server.admission.matching import matched, namespace_selected, object_selected
from sagong.server.admission.plugin import Review
from sagong.server.contract import Objects
from sagong.server.registry.registry import Registry
from sagong.store.base import Entry

P = TypeVar("P")


class Matching:
    """Which writes a policy or a binding is about, its selectors ready for use."""

    def __init__(self, resources: MatchResources | None) -> None:
        self._resources = resources or MatchResources()

    @cached_property
    def _namespaces(self) -> Selector:
        chosen = self._resources.namespaceSelector
        return selectors.from_label_selector(chosen) if chosen is not None else Selector()

    @cached_property
    def _objects(self) -> Selector:
        chosen = self._resources.objectSelector
        return selectors.from_label_selector(chosen) if chosen is not None else Selector()

    def concerns(self, review: Review, objects: Objects) -> Resource | None:
        """Return the version that the write is known by; None when it is not concerned. Raises NotFoundError, SelectorError."""
        resources = self._resources
        if matched(resources.excludeResourceRules, review, resources.matchPolicy) is not None:
            return None
        row = matched(resources.resourceRules, review, resources.matchPolicy) if resources.resourceRules else review.row
        if row is None or not object_selected(self._objects, review) or not namespace_selected(self._namespaces, review, objects):
            return None
        return row


@dataclass
class Binding:
    """A binding; its uid tells the second round which ones took part in the first."""

    object: Any
    matching: Matching

    @property
    def name(self) -> str:
        """Its name."""
        name: str = self.object.metadata.name
        return name


class BoundPolicy(Generic[P]):
    """A policy with its bindings. It is compiled when a write first concerns it."""

    def __init__(self, policy: Any, compile_policy: Callable[[Any], P]) -> None:
        self.policy = policy
        self.matching = Matching(policy.spec.matchConstraints)
        self.bindings: list[Binding] = []
        self._compile = compile_policy

    @property
    def name(self) -> str:
        """Its name."""
        name: str = self.policy.metadata.name
        return name

    @cached_property
    def program(self) -> P:
        """The compiled policy."""
        return self._compile(self.policy)


class BoundPolicies(Generic[P]):
    """All policies of a kind that have bindings, by name."""

    def __init__(self, registry: Registry, policy: type[ApiStruct], binding: type[ApiStruct], compile_policy: Callable[[Any], P]) -> None:
        self._store, self._cel = registry.store, registry.cel
        self._compile: Callable[[Any], P] = lambda found: self._cel.compiled(lambda: compile_policy(found))
        self._policy, self._binding = policy, binding
        self._prefixes = [resource_of(policy).storage_prefix, resource_of(binding).storage_prefix]
        self._revisions: list[list[int]] = []
        self._compiled: dict[str, tuple[int, BoundPolicy[P]]] = {}
        self._bound: list[BoundPolicy[P]] = []

    def all(self) -> list[BoundPolicy[P]]:
        """Return them as they are at this moment."""
        found = [self._store.list(prefix) for prefix in self._prefixes]
        revisions = [[entry.revision for entry in entries] for entries in found]
        if revisions != self._revisions:
            self._bound = self._bind(*found)
            self._revisions = revisions
        return self._bound

    def _bind(self, policies: Sequence[Entry], bindings: Sequence[Entry]) -> list[BoundPolicy[P]]:
        known = {entry.key: self._known(entry) for entry in policies}
        self._compiled = {key: known[key] for key in known}
        by_name = {policy.name: policy for _, policy in known.values()}
        for policy in by_name.values():
            policy.bindings = []
        for entry in bindings:
            binding: Any = msgspec.json.decode(entry.value, type=self._binding)
            bound = by_name.get(binding.spec.policyName)
            if bound is not None:
                bound.bindings.append(Binding(binding, Matching(binding.spec.matchResources)))
        return [policy for policy in by_name.values() if policy.bindings]

    def _known(self, entry: Entry) -> tuple[int, BoundPolicy[P]]:
        known = self._compiled.get(entry.key)
        if known is not None and known[0] == entry.revision:
            return known
        return entry.revision, BoundPolicy(msgspec.json.decode(entry.value, type=self._policy), self._compile)
