"""AdmissionReview, v1 and v1beta1: the question about a write, and what an answer may say."""

from __future__ import annotations

from typing import Any

import msgspec

from sagong.api.errors import ApiError, Cause
from sagong.api.field_errors import quote
from sagong.server.admission.attributes import Seen, kind_of, name_of, namespace_of, options_of
from sagong.server.admission.plugin import Review

GROUP = "admission.k8s.io"
VERSIONS = ("v1", "v1beta1")
JSON_PATCH = "JSONPatch"
_LEAST_REFUSAL = 400


class InvalidReviewError(Exception):
    """The answer is not one to this question; the message says why."""


class _StatusCause(msgspec.Struct):
    reason: str | None = None
    message: str | None = None
    field: str | None = None


class _StatusDetails(msgspec.Struct):
    name: str | None = None
    group: str | None = None
    kind: str | None = None
    uid: str | None = None
    causes: list[_StatusCause] | None = None
    retryAfterSeconds: int | None = None


class _Status(msgspec.Struct):
    message: str | None = None
    reason: str | None = None
    details: _StatusDetails | None = None
    code: int | None = None


class Response(msgspec.Struct):
    """A webhook's answer, read as leniently as upstream reads it."""

    uid: str | None = None
    allowed: bool | None = None
    status: _Status | None = None
    patch: bytes | None = None
    patchType: str | None = None
    auditAnnotations: dict[str, str] | None = None
    warnings: list[str] | None = None


class _Reviewed(msgspec.Struct):
    apiVersion: str | None = None
    kind: str | None = None
    response: Response | None = None


_decoder = msgspec.json.Decoder(_Reviewed)


def question(review: Review, seen: Seen, version: str, uid: str) -> dict[str, Any]:
    """Return the AdmissionReview to send, `seen` being the write as the webhook knows it."""
    user, subresource = review.call.user, review.call.subresource
    info: dict[str, Any] = {"username": user.name, "uid": user.uid, "groups": list(user.groups)}
    info["extra"] = {key: list(values) for key, values in user.extra.items()}
    request = {
        "uid": uid,
        "kind": kind_of(seen.row, subresource)._asdict(),
        "resource": _resource(seen.row),
        "subResource": subresource,
        "requestKind": kind_of(review.row, subresource)._asdict(),
        "requestResource": _resource(review.row),
        "requestSubResource": subresource,
        "name": name_of(review),
        "namespace": namespace_of(review),
        "operation": review.operation,
        "userInfo": {name: value for name, value in info.items() if value},
    }
    request = {name: value for name, value in request.items() if value != ""}
    objects = {"object": seen.object, "oldObject": seen.old, "dryRun": review.call.dry_run, "options": options_of(review)}
    return {"kind": "AdmissionReview", "apiVersion": f"{GROUP}/{version}", "request": {**request, **objects}}


def _resource(row: Any) -> dict[str, str]:
    return {"group": row.group, "version": row.version, "resource": row.plural}


def answer(body: bytes, version: str, uid: str, *, mutating: bool) -> Response:
    """Read and check an answer. Raises InvalidReviewError, msgspec.MsgspecError."""
    reviewed = _decoder.decode(body)
    response = reviewed.response
    if response is None:
        raise InvalidReviewError("webhook response was absent")
    if version == VERSIONS[1]:  # nothing but the response was ever checked there
        response.patchType = JSON_PATCH if response.patch else None
        return response
    if response.uid != uid:
        raise InvalidReviewError(f"expected response.uid={quote(uid)}, got {quote(response.uid or '')}")
    wanted, got = (f"{GROUP}/{version}", "AdmissionReview"), (reviewed.apiVersion or "", reviewed.kind or "")
    if got != wanted:
        raise InvalidReviewError(f"expected webhook response of {_shown(*wanted)}, got {_shown(*got)}")
    (_check_patch if mutating else _check_no_patch)(response)
    return response


def _shown(api_version: str, kind: str) -> str:
    group, _, version = api_version.rpartition("/")
    return f"{group}/{version}, Kind={kind}"


def _check_patch(response: Response) -> None:
    if response.patch and response.patchType is None:
        raise InvalidReviewError("webhook returned response.patch but not response.patchType")
    if not response.patch and response.patchType is not None:
        raise InvalidReviewError("webhook returned response.patchType but not response.patch")
    if response.patchType == "":
        raise InvalidReviewError('webhook returned invalid response.patchType of ""')


def _check_no_patch(response: Response) -> None:
    for name, value in (("patch", response.patch or None), ("patchType", response.patchType)):
        if value is not None:
            raise InvalidReviewError(f"validating webhook may not return response.{name}")


def refusal(name: str, response: Response) -> ApiError:
    """Return the error of a denial: the webhook's own status, never less than 400."""
    status = response.status or _Status()
    denied = f"admission webhook {quote(name)} denied the request"
    said = status.message or status.reason
    details = status.details or _StatusDetails()
    return ApiError(
        f"{denied}: {said}" if said else f"{denied} without explanation",
        reason=status.reason or "",
        code=max(status.code or 0, _LEAST_REFUSAL),
        group=details.group or "",
        kind=details.kind or "",
        name=details.name or "",
        uid=details.uid or "",
        causes=[Cause(cause.reason or "", cause.message or "", cause.field or "") for cause in details.causes or ()],
        retry_after=details.retryAfterSeconds or 0,
    )
