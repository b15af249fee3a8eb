"""The two plugins, as the chain has them. They cost nothing, and import nothing, until a configuration exists."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from sagong.api.resources import Resource
from sagong.server.admission.plugin import Operation, Plugin, Review, exempt
from sagong.server.contract import Objects
from sagong.server.registry.registry import Registry

if TYPE_CHECKING:
    from sagong.server.admission.webhooks.asking import Asking
    from sagong.server.admission.webhooks.mutating import MutatingWebhooks
    from sagong.server.admission.webhooks.validating import ValidatingWebhooks

_MUTATING = "/registry/mutatingwebhookconfigurations/"
_VALIDATING = "/registry/validatingwebhookconfigurations/"


class AdmissionWebhooks:
    """What both plugins share. Made with the server, filled with the first configuration."""

    def __init__(self, objects: Objects, registry: Registry) -> None:
        self._objects, self.registry = objects, registry
        self._made: Asking | None = None
        registry.families.append(lambda: self._made.metrics.families() if self._made is not None else ())

    @property
    def asking(self) -> Asking:
        """What asks them."""
        if self._made is None:
            from sagong.server.admission.webhooks.asking import Asking  # noqa: PLC0415 - see the module's docstring

            registry = self.registry
            assert registry.webhooks is not None
            self._made = Asking(registry.webhooks, registry.clock, registry.random, self._objects, registry.authorizer, registry.cel)
        return self._made


class _Webhooks(Plugin):
    """Asked about every write but those of webhooks' and policies' own configurations."""

    def __init__(self, webhooks: AdmissionWebhooks) -> None:
        self._webhooks, self._store = webhooks, webhooks.registry.store

    def handles(self, operation: Operation, row: Resource, subresource: str) -> bool:
        """Say so."""
        del operation, subresource
        return not exempt(row)

    async def _wait(self, review: Review, ask: Callable[[Review], Awaitable[None]]) -> None:
        """Ask, and note how long that took."""
        clock = self._webhooks.registry.clock
        begun = clock.monotonic()
        try:
            await ask(review)
        finally:
            review.call.waited(clock.monotonic() - begun)


class MutatingAdmissionWebhook(_Webhooks):
    """Lets others change objects."""

    async def mutate(self, review: Review) -> None:
        """Ask them, if there are any. Raises ApiError."""
        if self._store.count(_MUTATING):
            await self._wait(review, self._asker.mutate)

    @functools.cached_property
    def _asker(self) -> MutatingWebhooks:
        from sagong.server.admission.webhooks.mutating import MutatingWebhooks  # noqa: PLC0415 - see the module's docstring

        return MutatingWebhooks(self._store, self._webhooks.asking)


class ValidatingAdmissionWebhook(_Webhooks):
    """Lets others judge objects."""

    async def validate(self, review: Review) -> None:
        """Ask them, if there are any. Raises ApiError."""
        if self._store.count(_VALIDATING):
            await self._wait(review, self._asker.validate)

    @functools.cached_property
    def _asker(self) -> ValidatingWebhooks:
        from sagong.server.admission.webhooks.validating import ValidatingWebhooks  # noqa: PLC0415 - see the module's docstring

        return ValidatingWebhooks(self._store, self._webhooks.asking)
