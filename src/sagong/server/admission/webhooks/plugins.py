"""The two plugins, as the chain has them. They cost nothing, and import nothing, until a configuration exists."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from sagong.api.resources import Resource
from sagong.server.admission.plugin import Operation, Plugin, Review
from sagong.server.contract import Objects
from sagong.server.registry.registry import Registry

if TYPE_CHECKING:
    from sagong.server.admission.webhooks.asking import Asking
    from sagong.server.admission.webhooks.mutating import MutatingWebhooks
    from sagong.server.admission.webhooks.validating import ValidatingWebhooks

_GROUP = "admissionregistration.k8s.io"
_MUTATING = "/registry/mutatingwebhookconfigurations/"
_VALIDATING = "/registry/validatingwebhookconfigurations/"


class _Webhooks(Plugin):
    """Asked about every write but those of webhooks' and policies' own configurations."""

    def __init__(self, objects: Objects, registry: Registry) -> None:
        self._objects, self._registry = objects, registry

    def handles(self, operation: Operation, row: Resource, subresource: str) -> bool:
        """Say so."""
        del operation, subresource
        return row.group != _GROUP

    def _asking(self) -> Asking:
        from sagong.server.admission.webhooks.asking import Asking  # noqa: PLC0415 - see the module's docstring

        client = self._registry.webhooks
        assert client is not None
        return Asking(client, self._registry.random, self._objects, self._registry.authorizer)


class MutatingAdmissionWebhook(_Webhooks):
    """Lets others change objects."""

    async def mutate(self, review: Review) -> None:
        """Ask them, if there are any. Raises ApiError."""
        if self._registry.store.count(_MUTATING):
            await self._asker.mutate(review)

    @functools.cached_property
    def _asker(self) -> MutatingWebhooks:
        from sagong.server.admission.webhooks.mutating import MutatingWebhooks  # noqa: PLC0415 - see the module's docstring

        return MutatingWebhooks(self._registry.store, self._asking())


class ValidatingAdmissionWebhook(_Webhooks):
    """Lets others judge objects."""

    async def validate(self, review: Review) -> None:
        """Ask them, if there are any. Raises ApiError."""
        if self._registry.store.count(_VALIDATING):
            await self._asker.validate(review)

    @functools.cached_property
    def _asker(self) -> ValidatingWebhooks:
        from sagong.server.admission.webhooks.validating import ValidatingWebhooks  # noqa: PLC0415 - see the module's docstring

        return ValidatingWebhooks(self._registry.store, self._asking())
