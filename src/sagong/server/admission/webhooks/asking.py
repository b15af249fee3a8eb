"""One webhook is asked about one write."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import msgspec

from sagong.api.clock import Random
from sagong.api.errors import ApiError, BadRequestError
from sagong.api.field_errors import quote
from sagong.server.admission.attributes import Seen, see
from sagong.server.admission.plugin import Review
from sagong.server.admission.webhooks.hooks import Hook
from sagong.server.admission.webhooks.reviews import VERSIONS, InvalidReviewError, Response, answer, question, refusal
from sagong.server.contract import Authorizer, Objects
from sagong.server.webhooks.client import CallError, EndpointError, WebhookClient

log = logging.getLogger(__name__)

_HARMLESS = ("None", "NoneOnDryRun")
_SECONDS = 10


class AskingError(Exception):
    """The webhook could not be asked, or gave no answer; whether the write goes on is for its failure policy."""

    def __init__(self, hook: Hook, reason: str) -> None:
        super().__init__(f"failed calling webhook {quote(hook.spec.name)}: {reason}")


@dataclass(frozen=True, slots=True)
class Asking:
    """What asking needs: the client, fresh uids, and for conditions the objects and authorizer of the server."""

    client: WebhookClient
    random: Random
    objects: Objects
    authorizer: Authorizer | None

    async def concerns(self, hook: Hook, review: Review) -> Seen | None:
        """Return the write as the webhook is to see it; None when it is not to be asked. Raises ApiError."""
        row = hook.concerns(review, self.objects)
        if row is None:
            return None
        seen = await see(review, row)
        if not hook.spec.matchConditions:
            return seen
        from sagong.server.admission.webhooks.conditions import conditions_hold  # noqa: PLC0415 - CEL comes with the first condition

        return seen if await conditions_hold(hook, review, seen, self.objects, self.authorizer) else None

    async def ask(self, hook: Hook, review: Review, seen: Seen, *, mutating: bool) -> Response:
        """Return the answer of a webhook that allows the write; its warnings and annotations are noted.

        Raises AskingError, ApiError when it denies, BadRequestError when it would leave traces of a dry run.
        """
        spec, call = hook.spec, review.call
        if call.dry_run and spec.sideEffects not in _HARMLESS:
            raise BadRequestError(f"admission webhook {quote(spec.name)} does not support dry run")
        version = next((version for version in spec.admissionReviewVersions if version in VERSIONS), None)
        if version is None:
            known = "webhook does not accept known AdmissionReview versions (v1, v1beta1)"
            raise AskingError(hook, f"could not create admission objects: {known}")
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
        if not response.allowed:
            log.warning("rejected by webhook %s: %s %s %s", spec.name, review.operation, review.row.group_resource, review.name)
            raise refusal(spec.name, response)
        return response

    async def _post(self, hook: Hook, body: object) -> bytes:
        try:
            endpoint = self.client.endpoint(hook.spec.clientConfig)
        except EndpointError as error:
            raise AskingError(hook, f"could not get REST client: {error}") from error
        try:
            return await self.client.review(endpoint, body, hook.spec.timeoutSeconds or _SECONDS)
        except (CallError, ApiError) as error:
            raise AskingError(hook, f"failed to call webhook: {error}") from error
