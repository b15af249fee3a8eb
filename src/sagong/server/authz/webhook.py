"""A webhook that is asked whether somebody may: with a SubjectAccessReview, its answers kept for a while."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from sagong.api import field_selectors, selectors
from sagong.api.clock import Clock
from sagong.api.errors import ApiError
from sagong.api.selectors import SelectorError
from sagong.server.contract import Attributes, Decision
from sagong.server.webhooks.client import CallError, WebhookClient
from sagong.server.webhooks.endpoint import Endpoint
from sagong.server.webhooks.retries import with_retries

log = logging.getLogger(__name__)

_GROUP = "authorization.k8s.io"
_MOST_KEPT = 8192
_LONGEST = 10_000
_OPERATORS = {"in": "In", "=": "In", "==": "In", "notin": "NotIn", "!=": "NotIn", "exists": "Exists", "!": "DoesNotExist"}
NO_OPINION = Decision(allowed=False)
Condition = Callable[[Mapping[str, Any]], bool]


class ConditionError(Exception):
    """A match condition could not be evaluated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """How a webhook is asked; times in seconds. A TTL of 0 keeps nothing; `denies_on_error`: its failure policy is Deny."""

    authorized_ttl: float
    unauthorized_ttl: float
    timeout: int = 30
    version: str = "v1"
    denies_on_error: bool = False
    conditions: tuple[Condition, ...] = ()


class _Status(msgspec.Struct):
    allowed: bool | None = None
    denied: bool | None = None
    reason: str | None = None


class _Review(msgspec.Struct):
    status: _Status | None = None


_decoder = msgspec.json.Decoder(_Review)


class WebhookAuthorizer:
    """Asks one webhook."""

    def __init__(self, endpoint: Endpoint, client: WebhookClient, clock: Clock, settings: WebhookSettings) -> None:
        self._endpoint, self._client, self._clock, self._settings = endpoint, client, clock, settings
        self._known: OrderedDict[bytes, tuple[float, Decision]] = OrderedDict()

    async def authorize(self, attributes: Attributes) -> Decision:
        """Ask, unless the answer is known."""
        spec = review_spec(attributes)
        try:
            if not self._matches(spec):
                return NO_OPINION
        except ConditionError as error:
            return self._failed(str(error))
        key = msgspec.json.encode(spec)
        known = self._known.get(key)
        if known is not None and known[0] > self._clock.monotonic():
            return known[1]
        try:
            decision = await self._ask(spec)
        except (CallError, ApiError, msgspec.MsgspecError) as error:
            log.error("Failed to make webhook authorizer request: %s", error)  # noqa: TRY400 - the message says all
            return self._failed(str(error))
        self._keep(key, attributes, decision)
        return decision

    def _matches(self, spec: Mapping[str, Any]) -> bool:
        """Evaluate the match conditions. Raises ConditionError when one fails and none is false."""
        failed: ConditionError | None = None
        for condition in self._settings.conditions:
            try:
                if not condition(spec):
                    return False
            except ConditionError as error:
                failed = failed or error
        if failed is not None:
            raise failed
        return True

    def _failed(self, error: str) -> Decision:
        return Decision(allowed=False, denied=self._settings.denies_on_error, error=error)

    async def _ask(self, spec: Mapping[str, Any]) -> Decision:
        review = {"apiVersion": f"{_GROUP}/{self._settings.version}", "kind": "SubjectAccessReview", "metadata": {}, "spec": spec}
        if self._settings.version == "v1beta1":
            review["spec"] = {"group" if name == "groups" else name: value for name, value in spec.items()}

        async def call() -> bytes:
            return await self._client.review(self._endpoint, review, self._settings.timeout)

        status = _decoder.decode(await with_retries(call, self._clock)).status or _Status()
        if status.allowed and status.denied:
            both = "webhook subject access review returned both allow and deny response"
            return Decision(allowed=False, reason=status.reason or "", denied=True, error=both)
        return Decision(allowed=bool(status.allowed), reason=status.reason or "", denied=bool(status.denied))

    def _keep(self, key: bytes, attributes: Attributes, decision: Decision) -> None:
        ttl = self._settings.authorized_ttl if decision.allowed else self._settings.unauthorized_ttl
        if ttl <= 0 or not _fits(attributes):
            return
        self._known[key] = (self._clock.monotonic() + ttl, decision)
        self._known.move_to_end(key)
        while len(self._known) > _MOST_KEPT:
            self._known.popitem(last=False)


def _fits(asked: Attributes) -> bool:
    """Say whether the question is small enough to be remembered: clients choose these parts."""
    parts = (asked.namespace, asked.verb, asked.group, asked.version, asked.resource, asked.subresource, asked.name, asked.path)
    return sum(map(len, parts)) < _LONGEST


def review_spec(asked: Attributes) -> dict[str, Any]:
    """Return the spec of the SubjectAccessReview that asks the question."""
    user = asked.user
    spec: dict[str, Any] = {"user": user.name, "uid": user.uid, "groups": list(user.groups)}
    spec["extra"] = {key: list(values) for key, values in user.extra.items()}
    if not asked.resource_request:
        return _filled({**spec, "nonResourceAttributes": _filled({"path": asked.path, "verb": asked.verb})})
    names = ("namespace", "verb", "group", "version", "resource", "subresource", "name")
    resource: dict[str, Any] = {name: getattr(asked, name) for name in names}
    for name, requirements in (("fieldSelector", _fields(asked.field_selector)), ("labelSelector", _labels(asked.label_selector))):
        if requirements:
            resource[name] = {"requirements": requirements}
    return _filled({**spec, "resourceAttributes": _filled(resource)})


def _filled(parts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parts.items() if value}


def _fields(text: str) -> list[dict[str, Any]]:
    try:
        terms = field_selectors.parse(text).terms if text else ()
    except SelectorError:
        return []
    return [{"key": term.field, "operator": "NotIn" if term.negated else "In", "values": [term.value]} for term in terms]


def _labels(text: str) -> list[dict[str, Any]]:
    try:
        requirements = selectors.parse(text).requirements if text else ()
    except SelectorError:
        return []
    known = [one for one in requirements if one.operator in _OPERATORS]
    return [_filled({"key": one.key, "operator": _OPERATORS[one.operator], "values": list(one.values)}) for one in known]
