"""ValidatingAdmissionWebhook: all webhooks that a write concerns are asked at the same time; one that denies is enough."""

from __future__ import annotations

import asyncio
import logging

from sagong.api.errors import ApiError
from sagong.api.types.admissionregistration import ValidatingWebhookConfiguration
from sagong.server.admission.attributes import Seen
from sagong.server.admission.plugin import Review
from sagong.server.admission.webhooks.asking import Asking, AskingError
from sagong.server.admission.webhooks.hooks import Hook, Hooks, internal_error
from sagong.store.base import Store

log = logging.getLogger(__name__)

_FAILED_OPEN = "failed-open.validating.webhook.admission.k8s.io"


class ValidatingWebhooks:
    """Asks all webhooks that a write concerns."""

    def __init__(self, store: Store, asking: Asking) -> None:
        self._hooks = Hooks(store, ValidatingWebhookConfiguration)
        self._asking = asking

    async def validate(self, review: Review) -> None:
        """Let them judge. Raises ApiError: the first denial, in the order of the webhooks."""
        concerned: list[tuple[Hook, Seen]] = []
        for hook in self._hooks.all():
            seen = await self._asking.concerns(hook, review)
            if seen is not None:
                concerned.append((hook, seen))
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(self._one(index, hook, review, seen)) for index, (hook, seen) in enumerate(concerned)]
        for task in asked:
            if (error := task.result()) is not None:
                raise error

    async def _one(self, index: int, hook: Hook, review: Review, seen: Seen) -> ApiError | None:
        try:
            await self._asking.ask(hook, review, seen, mutating=False)
        except ApiError as error:
            return error
        except AskingError as error:
            if not hook.fails_open:
                log.warning("Failed calling webhook, failing closed %s: %s", hook.spec.name, error)
                return internal_error(str(error))
            log.warning("Failed calling webhook, failing open %s: %s", hook.spec.name, error)
            review.call.annotations[f"{_FAILED_OPEN}/round_0_index_{index}"] = hook.spec.name
        return None
