"""Errors and outcomes as metav1.Status: the only place where an ApiError becomes bytes."""

from __future__ import annotations

import msgspec

from sagong.api.errors import ApiError
from sagong.api.types.meta import Status, StatusDetails
from sagong.server.messages import Request, Response
from sagong.server.negotiation import Representation, of_status
from sagong.server.shown import shown

_encoder = msgspec.json.Encoder()


def error_response(error: ApiError, request: Request | None = None) -> Response:
    """Render an error; one that names a delay also says Retry-After."""
    headers = (("Retry-After", str(error.retry_after)),) if error.retry_after else ()
    return shown(error.status(), of_status(request) if request is not None else Representation(), error.code, headers)


def encode(status: Status) -> bytes:
    """Encode a Status as upstream does: `metadata` is always there."""
    return _encoder.encode(status)


def success(*, name: str = "", group: str = "", kind: str = "", uid: str = "", code: int = 0) -> Status:
    """Return the Status of a write that has no object to answer with."""
    details = StatusDetails(name=name, group=group, kind=kind, uid=uid)
    return Status(apiVersion="v1", kind="Status", status="Success", details=details if name or kind else None, code=code)
