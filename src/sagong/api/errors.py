"""The one error tree. `ApiError` is raised anywhere; only `server/` renders it as a Status, the client rebuilds it.

Reasons and codes are those of the API conventions (metav1.StatusReason); messages are the ones upstream's users know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from sagong.api.types.meta import Status, StatusCause, StatusDetails


class Cause(Struct, frozen=True):
    """One cause of an error: a machine-readable reason, a message, and the path of the field it is about."""

    reason: str
    message: str
    field: str = ""


class ApiError(Exception):
    """An answer of the API that is not success. Subclasses fix `reason` and `code`."""

    reason = "InternalError"
    code = 500

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        code: int | None = None,
        group: str = "",
        kind: str = "",
        name: str = "",
        uid: str = "",
        causes: Sequence[Cause] = (),
        retry_after: int = 0,
        generic: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason if reason is not None else type(self).reason
        self.code = code if code is not None else type(self).code
        self.group, self.kind, self.name, self.uid = group, kind, name, uid
        self.causes = tuple(causes)
        self.retry_after = retry_after
        self.generic = generic

    def status(self) -> Status:
        """Render as metav1.Status. `details` is present when there is something to say in it.

        Errors about the request itself (`generic`: no such path, method, media type) have empty details, as upstream's do.
        """
        details = StatusDetails(
            name=self.name,
            group=self.group,
            kind=self.kind,
            uid=self.uid,
            causes=[StatusCause(reason=c.reason, message=c.message, field=c.field) for c in self.causes],
            retryAfterSeconds=self.retry_after,
        )
        return Status(
            apiVersion="v1",
            kind="Status",
            status="Failure",
            message=self.message,
            reason=self.reason,
            details=None if details == StatusDetails() and not self.generic else details,
            code=self.code,
        )


class BadRequestError(ApiError):
    """400: the request cannot be understood."""

    reason, code = "BadRequest", 400


class UnauthorizedError(ApiError):
    """401: who asks is not known."""

    reason, code = "Unauthorized", 401


class ForbiddenError(ApiError):
    """403: who asks may not."""

    reason, code = "Forbidden", 403


class NotFoundError(ApiError):
    """404."""

    reason, code = "NotFound", 404


class MethodNotAllowedError(ApiError):
    """405."""

    reason, code = "MethodNotAllowed", 405


class NotAcceptableError(ApiError):
    """406: no representation that the client accepts."""

    reason, code = "NotAcceptable", 406


class AlreadyExistsError(ApiError):
    """409: an object of that name is there."""

    reason, code = "AlreadyExists", 409


class ConflictError(ApiError):
    """409: the object has changed since the client read it, or a precondition failed."""

    reason, code = "Conflict", 409


class GoneError(ApiError):
    """410, reason Expired: the resourceVersion or continue token is too old; list again."""

    reason, code = "Expired", 410


class RequestTooLargeError(ApiError):
    """413."""

    reason, code = "RequestEntityTooLarge", 413


class UnsupportedMediaTypeError(ApiError):
    """415."""

    reason, code = "UnsupportedMediaType", 415


class InvalidError(ApiError):
    """422: the object is understood, and not valid; `causes` say which fields."""

    reason, code = "Invalid", 422


class TooManyRequestsError(ApiError):
    """429: try again later, or an eviction that a budget forbids now."""

    reason, code = "TooManyRequests", 429


class ServerTimeoutError(ApiError):
    """500 ServerTimeout: the operation could not be completed now."""

    reason, code = "ServerTimeout", 500


class ServiceUnavailableError(ApiError):
    """503."""

    reason, code = "ServiceUnavailable", 503


class TimeoutApiError(ApiError):
    """504."""

    reason, code = "Timeout", 504


def not_found(group: str, plural: str, name: str) -> NotFoundError:
    """Return `pods "a" not found`."""
    return NotFoundError(f'{_qualified(group, plural)} "{name}" not found', group=group, kind=plural, name=name)


def already_exists(group: str, plural: str, name: str) -> AlreadyExistsError:
    """Return `pods "a" already exists`."""
    return AlreadyExistsError(f'{_qualified(group, plural)} "{name}" already exists', group=group, kind=plural, name=name)


def conflict(group: str, plural: str, name: str, message: str) -> ConflictError:
    """Return `Operation cannot be fulfilled on pods "a": ...`."""
    text = f'Operation cannot be fulfilled on {_qualified(group, plural)} "{name}": {message}'
    return ConflictError(text, group=group, kind=plural, name=name)


def forbidden(group: str, plural: str, name: str, message: str) -> ForbiddenError:
    """Return `pods "a" is forbidden: ...`, or without the name when there is none."""
    named = f'{_qualified(group, plural)} "{name}"' if name else _qualified(group, plural)
    return ForbiddenError(f"{named} is forbidden: {message}", group=group, kind=plural, name=name)


def invalid(group: str, kind: str, name: str, causes: Sequence[Cause]) -> InvalidError:
    """Return `Pod "a" is invalid: field: Reason: ...`, several causes in brackets."""
    texts = list(dict.fromkeys(f"{c.field}: {c.message}" for c in causes))
    joined = f": {texts[0]}" if len(texts) == 1 else f": [{', '.join(texts)}]" if texts else ""
    qualified = f"{kind}.{group}" if group else kind
    return InvalidError(f'{qualified} "{name}" is invalid{joined}', group=group, kind=kind, name=name, causes=causes)


def _qualified(group: str, plural: str) -> str:
    return f"{plural}.{group}" if group else plural


_BY_REASON: dict[str, type[ApiError]] = {cls.reason: cls for cls in ApiError.__subclasses__()}
_BY_CODE: dict[int, type[ApiError]] = {
    cls.code: cls for cls in reversed(ApiError.__subclasses__()) if cls not in (AlreadyExistsError, ServerTimeoutError)
}


def from_status(status: Status, code: int = 0) -> ApiError:
    """Rebuild the error that a Status renders; `code` is the HTTP code, used when the Status has none."""
    details: Any = status.details or StatusDetails()
    cls = _BY_REASON.get(status.reason) or _BY_CODE.get(status.code or code, ApiError)
    return cls(
        status.message,
        reason=status.reason,
        code=status.code or code or cls.code,
        group=details.group,
        kind=details.kind,
        name=details.name,
        uid=details.uid,
        causes=[Cause(c.reason, c.message, c.field) for c in details.causes],
        retry_after=details.retryAfterSeconds,
    )
