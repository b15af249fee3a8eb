"""One request's record: what is known of it at each stage, as audit.k8s.io/v1 Events."""

from __future__ import annotations

from typing import Any

import msgspec

from sagong.api import codec
from sagong.api.clock import format_micro_time
from sagong.api.errors import ApiError
from sagong.api.resources import Resource
from sagong.api.types.meta import Status
from sagong.server.audit.policy import METADATA, REQUEST_RESPONSE, Decision
from sagong.server.contract import User
from sagong.server.exchange import Exchange
from sagong.server.messages import JSON, Answer, Request, Response
from sagong.server.negotiation import body_media
from sagong.server.registry.storage import to_dict

USER_AGENT_LENGTH = 1024
ALLOWED, REASON = "authorization.k8s.io/decision", "authorization.k8s.io/reason"
_ERRORS = 400
_BODIES = ("create", "update")
_PATCHES = "patch.webhook.admission.k8s.io/"


class Record:
    """What is told of a request. `user` is who really asks, `exchange.user` later who is impersonated."""

    def __init__(self, exchange: Exchange, decision: Decision, received: str) -> None:
        self.exchange, self.decision = exchange, decision
        self._user = exchange.user
        info, request = exchange.info, exchange.request
        self._head: dict[str, Any] = {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": decision.level,
            "auditID": exchange.audit_id,
        }
        self._about: dict[str, Any] = {"requestURI": _uri(request), "verb": info.verb, "user": _user(exchange.user)}
        self._more: dict[str, Any] = {}
        if sources := _sources(request):
            self._more["sourceIPs"] = sources
        if agent := request.header("user-agent"):
            self._more["userAgent"] = agent if len(agent) <= USER_AGENT_LENGTH else agent[:USER_AGENT_LENGTH] + "...TRUNCATED"
        if info.resource_request:
            parts = {"resource": info.resource, "namespace": info.namespace, "name": info.name, "apiGroup": info.group}
            parts |= {"apiVersion": info.version, "subresource": info.subresource}
            self._more["objectRef"] = {key: value for key, value in parts.items() if value}
        self._received = received

    def event(self, stage: str, now: str) -> dict[str, Any]:
        """Return the event of a stage."""
        who = self.exchange.user
        impersonated = {} if who is self._user else {"impersonatedUser": _user(who)}
        times = {"requestReceivedTimestamp": self._received, "stageTimestamp": now}
        return {**self._head, "stage": stage, **self._about, **impersonated, **self._more, **times, **self._annotations()}

    def _annotations(self) -> dict[str, Any]:
        """Return the annotations; webhooks' patches show parts of the object, and are left out where that is."""
        shown = self.exchange.annotations
        if self.decision.level == METADATA:
            shown = {key: value for key, value in shown.items() if not key.startswith(_PATCHES)}
        return {"annotations": dict(shown)} if shown else {}

    def answered(self, answer: Answer, row: Resource | None) -> None:
        """Note what the request carried and what it is answered with."""
        if self.decision.level != METADATA:
            self._request_object(row)
        elif row is not None:
            self._refer(self._decoded(row))
        status: dict[str, Any] = {"metadata": {}, "code": answer.status}
        if isinstance(answer, Response):
            body = self._body(answer) if answer.status >= _ERRORS or self.decision.level == REQUEST_RESPONSE else None
            if answer.status >= _ERRORS and isinstance(body, dict) and body.get("kind") == "Status":
                status = {key: value for key, value in body.items() if key not in ("kind", "apiVersion")}
            if body is not None and self.decision.level == REQUEST_RESPONSE:
                self._more["responseObject"] = self._trimmed(body)
        self._more["responseStatus"] = status

    def failed(self, status: dict[str, Any]) -> None:
        """Note a status that nobody has rendered."""
        self._more["responseStatus"] = status

    def _request_object(self, row: Resource | None) -> None:
        request = self.exchange.request
        if self.exchange.info.verb == "patch" and request.body:
            self._more["requestObject"] = _json(request.body)
            return
        found = self._decoded(row)
        if found is None and request.body and row is None:
            found = _json(request.body)
        if found is not None:
            self._refer(found)
            self._more["requestObject"] = self._trimmed(found)

    def _decoded(self, row: Resource | None) -> Any:
        request, info = self.exchange.request, self.exchange.info
        if row is None or not request.body or info.verb not in _BODIES:
            return None
        try:
            if body_media(request) == JSON:
                return msgspec.json.decode(request.body)
            return to_dict(codec.decode(request.body, body_media(request), row, strict="Ignore").obj)
        except (ApiError, msgspec.DecodeError, RecursionError):
            return None

    def _refer(self, obj: Any) -> None:
        metadata = obj.get("metadata") if isinstance(obj, dict) else None
        reference = self._more.get("objectRef")
        if isinstance(metadata, dict) and reference is not None:
            for key in ("namespace", "name", "uid", "resourceVersion"):
                if metadata.get(key):
                    reference.setdefault(key, metadata[key])

    def _body(self, answer: Response) -> Any:
        if answer.content_type == JSON:
            return _json(answer.complete())
        wanted = Status if answer.status >= _ERRORS else None
        try:
            return codec.to_builtins(codec.decode(answer.complete(), answer.content_type, wanted, strict="Ignore").obj)
        except (ApiError, RecursionError):
            return None

    def _trimmed(self, obj: Any) -> Any:
        if not self.decision.omit_managed_fields or not isinstance(obj, dict):
            return obj
        for one in (obj, *obj.get("items", ()), *(row.get("object") or {} for row in obj.get("rows", ()))):
            if isinstance(one, dict) and isinstance(one.get("metadata"), dict):
                one["metadata"].pop("managedFields", None)
        return obj


def moment(now: Any) -> str:
    """Return a time as events have it."""
    return format_micro_time(now)


def _json(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return None


def _user(user: User) -> dict[str, Any]:
    found: dict[str, Any] = {"username": user.name, "uid": user.uid, "groups": list(user.groups)}
    found["extra"] = {key: list(values) for key, values in user.extra.items()}
    return {key: value for key, value in found.items() if value}


def _uri(request: Request) -> str:
    return f"{request.raw_path}?{request.query_string}" if request.query_string else request.raw_path


def _sources(request: Request) -> list[str]:
    """Return who sent it, as the proxies on the way say, and the last of them as we see it."""
    said = [part.strip() for value in request.headers.get("x-forwarded-for", ()) for part in value.split(",")]
    said = [part for part in said if part] or request.headers.get("x-real-ip", [])
    return list(dict.fromkeys([*said, request.peer.address] if request.peer.address else said))
