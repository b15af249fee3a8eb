"""The two plugins, as the chain has them. They cost nothing, and import nothing, until a binding exists."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from sagong.api.resources import Resource
from sagong.server.admission.plugin import Operation, Plugin, Review, exempt
from sagong.server.contract import Objects
from sagong.server.registry.registry import Registry

if TYPE_CHECKING:
    from sagong.server.admission.policies.mutating import MutatingPolicies
    from sagong.server.admission.policies.validating import ValidatingPolicies

_MUTATING = "/registry/mutatingadmissionpolicybindings/"
_VALIDATING = "/registry/validatingadmissionpolicybindings/"
# To have a say on these could lock everybody out.
_EXCLUDED = (
    ("authentication.k8s.io", "selfsubjectreviews"),
    ("authentication.k8s.io", "tokenreviews"),
    ("authorization.k8s.io", "localsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectrulesreviews"),
    ("authorization.k8s.io", "subjectaccessreviews"),
)


class _Policies(Plugin):
    def __init__(self, objects: Objects, registry: Registry) -> None:
        self._objects, self._registry = objects, registry

    def handles(self, operation: Operation, row: Resource, subresource: str) -> bool:
        """Have a say on everything but what policies themselves are made of, and reviews."""
        del operation, subresource
        return not exempt(row) and (row.group, row.plural) not in _EXCLUDED


class MutatingAdmissionPolicy(_Policies):
    """Lets policies change objects."""

    async def mutate(self, review: Review) -> None:
        """Ask them, if any is bound. Raises ApiError."""
        if self._registry.store.count(_MUTATING):
            await self._policies.mutate(review)

    @functools.cached_property
    def _policies(self) -> MutatingPolicies:
        from sagong.server.admission.policies.mutating import MutatingPolicies  # noqa: PLC0415 - see the module's docstring

        return MutatingPolicies(self._objects, self._registry)


class ValidatingAdmissionPolicy(_Policies):
    """Lets policies judge objects."""

    async def validate(self, review: Review) -> None:
        """Ask them, if any is bound. Raises ApiError."""
        if self._registry.store.count(_VALIDATING):
            await self._policies.validate(review)

    @functools.cached_property
    def _policies(self) -> ValidatingPolicies:
        from sagong.server.admission.policies.validating import ValidatingPolicies  # noqa: PLC0415 - see the module's docstring

        return ValidatingPolicies(self._objects, self._registry)
