"""One webhook is asked about one write."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial

import msgspec

from sagong.api.clock import Clock, Random
from sagong.api.errors import ApiError, BadRequestError
from sagong.api.field_errors import quote
from sagong.server.admission.attributes import Seen, see
from sagong.server.admission.plugin import Review
from sagong.server.admission.webhooks.hooks import Hook
from sagong.server.admission.webhooks.metrics import WebhookMetrics
from sagong.server.admission.webhooks.reviews import VERSIONS, InvalidReviewError, Response, answer, question, refusal
from sagong.server.cel_metrics import CelMetrics
from sagong.server.contract import Authorizer, Objects
from sagong.server.webhooks.client import CallError, EndpointError, WebhookClient

log = logging.getLogger(__name__)

_HARMLESS = ("None", "NoneOnDryRun")
_SECONDS = 10


class AskingError(Exception):
    """The webhook could not be asked, or gave no answer; whether the write goes on is for its failure policy."""

    def __init__(self, hook: Hook, reason: str, code: int = 503) -> None:
        super().__init__(f"failed calling webhook {quote(hook.spec.name)}: {reason}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Asking:
    """What asking needs: the client, time and fresh uids, and for conditions the objects and authorizer of the server."""

    client: WebhookClient
    clock: Clock
    random: Random
    objects: Objects
    authorizer: Authorizer | None
    cel: CelMetrics
    metrics: WebhookMetrics = field(default_factory=WebhookMetrics)

    async def concerns(self, hook: Hook, review: Review) -> Seen | None:
        """Return the write as the webhook is to see it; None when it is not to be asked. Raises ApiError."""
        row = hook.concerns(review, self.objects)
        if row is None:
            return None
        seen = await see(review, row)
        if not hook.spec.matchConditions:
            return seen
        from sagong.server.admission.webhooks.conditions import conditions_hold  # noqa: PLC0415 - CEL comes with the first condition

        return seen if await conditions_hold(hook, review, seen, self) else None

    async def ask(self, hook: Hook, review: Review, seen: Seen, *, mutating: bool) -> Response:
        """Return the answer of a webhook that allows the write; its warnings and annotations are noted.

        Raises AskingError, ApiError when it denies, BadRequestError when it would leave traces of a dry run.
        """
        kind = "admit" if mutating else "validating"
        count = partial(self.metrics.asked, hook, kind, review)
        started = self.clock.monotonic()
        try:
            response = await self._ask(hook, review, seen, mutating=mutating)
        except AskingError as error:
            if hook.fails_open:
                self.metrics.failed_open(hook, kind)
            count(self.clock.monotonic() - started, error.code, error="" if hook.fails_open else "calling_webhook_error")
            raise
        except BadRequestError:
            count(self.clock.monotonic() - started, 0, error="apiserver_internal_error")
            raise
        if not response.allowed:
            refused = refusal(hook.spec.name, response)
            count(self.clock.monotonic() - started, refused.code, error="no_error")
            log.warning("rejected by webhook %s: %s %s %s", hook.spec.name, review.operation, review.row.group_resource, review.name)
            raise refused
        count(self.clock.monotonic() - started, 200)
        return response

    async def _ask(self, hook: Hook, review: Review, seen: Seen, *, mutating: bool) -> Response:
        spec, call = hook.spec, review.call
        if call.dry_run and spec.sideEffects not in _HARMLESS:
            raise BadRequestError(f"admission webhook {quote(spec.name)} does not support dry run")
        version = next((version for version in spec.admissionReviewVersions if version in VERSIONS), None)
        if version is None:
            known = "webhook does not accept known AdmissionReview versions (v1, v1beta1)"
            raise AskingError(hook, f"could not create admission objects: {known}", 400)
        uid = self.random.uid()
        body = await self._post(hook, question(review, seen, version, uid))
        try:
            response = answer(body, version, uid, mutating=mutating)
        except InvalidReviewError as error:
            raise AskingError(hook, f"received invalid webhook response: {error}") from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise AskingError(hook, f"failed to call webhook: couldn't read the response: {error}") from error
        call.annotations.update({f"{spec.name}/{key}": value for key, value in (response.auditAnnotations or {}).items()})
        call.warnings += ("".join(filter(str.isprintable, text)) for text in response.warnings or () if text)
        return response

    async def _post(self, hook: Hook, body: object) -> bytes:
        try:
            endpoint = self.client.endpoint(hook.spec.clientConfig)
        except EndpointError as error:
            raise AskingError(hook, f"could not get REST client: {error}", 500) from error
        try:
            return await self.client.review(endpoint, body, hook.spec.timeoutSeconds or _SECONDS)
        except CallError as error:
            raise AskingError(hook, f"failed to call webhook: {error}") from error
        except ApiError as error:
            raise AskingError(hook, f"failed to call webhook: {error}", error.code) from error
