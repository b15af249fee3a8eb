"""MutatingAdmissionWebhook: webhooks are asked one after the other, each about what the ones before made of the object.

When something changed behind a webhook that wants to know (reinvocationPolicy IfNeeded), it is asked once more in a second round.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

import msgspec

from sagong.api.errors import ApiError
from sagong.api.fields.field_set import FieldsError
from sagong.api.fields.managers import decode as decode_managers
from sagong.api.patch.json_patch import MAX_OPERATIONS, JsonPatchError, apply
from sagong.api.types.admissionregistration import MutatingWebhook, MutatingWebhookConfiguration
from sagong.server.admission.attributes import Seen, put
from sagong.server.admission.plugin import Review
from sagong.server.admission.webhooks.asking import Asking, AskingError
from sagong.server.admission.webhooks.hooks import Hook, Hooks, internal_error
from sagong.server.admission.webhooks.reviews import JSON_PATCH, Response
from sagong.server.registry.storage import encode
from sagong.store.base import Store

log = logging.getLogger(__name__)

_MEMORY = "MutatingAdmissionWebhook"
_PATCH, _MUTATION = "patch.webhook.admission.k8s.io", "mutation.webhook.admission.k8s.io"
_INVALID_MANAGERS = (
    ".metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating admission controller; "
    "please fix your requests"
)


@dataclass(slots=True)
class _Memory:
    """What the second round needs of the first: what came out, and who wants to be asked again if that changes."""

    output: bytes = b""
    asked: set[str] = field(default_factory=set)
    again: set[str] = field(default_factory=set)

    def changed(self) -> None:
        """Ask those again who were asked before this change."""
        self.again |= self.asked
        self.asked.clear()


class MutatingWebhooks:
    """Asks all webhooks that a write concerns."""

    def __init__(self, store: Store, asking: Asking) -> None:
        self._hooks = Hooks(store, MutatingWebhookConfiguration)
        self._asking = asking

    async def mutate(self, review: Review) -> None:
        """Let them change the object. Raises ApiError."""
        memory: _Memory = review.memory.setdefault(_MEMORY, _Memory())
        if review.round and memory.asked and _bytes(review.obj) != memory.output:
            memory.changed()
        for hook in self._hooks.all():
            await self._one(hook, review, memory)
        if memory.asked:
            memory.output = _bytes(review.obj)

    async def _one(self, hook: Hook, review: Review, memory: _Memory) -> None:
        if review.round and hook.uid not in memory.again:
            return
        seen = await self._asking.concerns(hook, review)
        if seen is None:
            return
        changed = False
        try:
            response = await self._asking.ask(hook, review, seen, mutating=True)
            changed = await _patched(hook, review, seen, response)
        except AskingError as error:
            if not hook.fails_open:
                log.warning("Failed calling webhook, failing closed %s: %s", hook.spec.name, error)
                raise internal_error(str(error)) from error
            log.warning("Failed calling webhook, failing open %s: %s", hook.spec.name, error)
            review.call.annotations[f"failed-open.{_key(_MUTATION, hook, review)}"] = hook.spec.name
        finally:
            said = {"configuration": hook.configuration, "webhook": hook.spec.name, "mutated": changed}
            review.call.annotations[_key(_MUTATION, hook, review)] = msgspec.json.encode(said).decode()
        if changed:
            memory.changed()
            review.again = True
        if isinstance(hook.spec, MutatingWebhook) and hook.spec.reinvocationPolicy == "IfNeeded":
            memory.asked.add(hook.uid)


def _bytes(obj: Any) -> bytes:
    return b"" if obj is None else encode(obj)


def _key(prefix: str, hook: Hook, review: Review) -> str:
    return f"{prefix}/round_{review.round}_index_{hook.index}"


async def _patched(hook: Hook, review: Review, seen: Seen, response: Response) -> bool:
    """Apply the patch of an answer; tell whether it changed anything. Raises AskingError, ApiError."""
    if not response.patch:
        return False
    if response.patchType != JSON_PATCH:
        raise AskingError(hook, f'unsupported patch type "{response.patchType}"')
    try:
        operations = msgspec.json.decode(response.patch, type=list[dict[str, Any]])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise AskingError(hook, f"received undecodable patch in webhook response: {error}") from error
    if not operations:
        return False
    if seen.object is None:
        modified = f'admission webhook "{hook.spec.name}" attempted to modify the object, which is not supported for this operation'
        raise internal_error(modified)
    content = _apply(seen.object, operations)
    said = {"configuration": hook.configuration, "webhook": hook.spec.name, "patch": operations, "patchType": JSON_PATCH}
    review.call.annotations[_key(_PATCH, hook, review)] = msgspec.json.encode(said).decode()
    if content == seen.object:
        return False
    before = review.obj
    try:
        await put(review, seen, content)
    except ApiError as error:
        raise internal_error(error.message) from error
    _keep_managers(review, before)
    return True


def _apply(original: dict[str, Any], operations: list[dict[str, Any]]) -> dict[str, Any]:
    if len(operations) > MAX_OPERATIONS:
        raise internal_error(f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(operations)}")
    try:
        content = apply(original, operations)
    except JsonPatchError as error:
        raise internal_error(str(error)) from error
    if not isinstance(content, dict):
        raise internal_error("the patched object is no object")
    return content


def _keep_managers(review: Review, before: Any) -> None:
    """Put managedFields back that a webhook made unreadable, and say so."""
    meta = getattr(review.obj, "metadata", None)
    if meta is None:
        return
    try:
        decode_managers(meta.managedFields)
    except FieldsError as error:
        meta.managedFields = before.metadata.managedFields
        review.call.warnings.append(f"{_INVALID_MANAGERS}: {error}")
