"""Options of list and watch, read from the query and checked as upstream checks them; continue tokens."""

from __future__ import annotations

import binascii
import posixpath
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, replace

import msgspec

from sagong.api.errors import ApiError, BadRequestError, Cause, GoneError, TimeoutApiError, invalid
from sagong.api.field_errors import Errors, quote
from sagong.api.go_values import parse_int, parse_uint
from sagong.api.json_syntax import parse
from sagong.api.types.meta import ListMeta, Status
from sagong.server.messages import Request

EXACT, NOT_OLDER = "Exact", "NotOlderThan"
_CONTINUE_VERSION = "meta.k8s.io/v1"
INCONSISTENT_CONTINUE = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the "
    "continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with "
    "the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the "
    "first chunk was returned and now may show up in the list."
)


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What a list or watch asks for. `revision` None: none was said; `timeout` in seconds, 0: the server's choice."""

    revision: int | None = None
    match: str = ""
    limit: int = 0
    continue_token: str = ""
    timeout: int = 0
    bookmarks: bool = False
    send_initial_events: bool | None = None


_DEFAULT = ListOptions()


def list_options(request: Request, *, watch: bool) -> ListOptions:
    """Read the options. Raises BadRequestError, InvalidError."""
    if not request.query_string:
        return _DEFAULT
    raw_revision = request.param("resourceVersion")
    initial = "sendInitialEvents" in request.query
    options = ListOptions(
        revision=_revision(raw_revision, watch=watch) if raw_revision else None,
        match=request.param("resourceVersionMatch"),
        limit=max(integer(request, "limit"), 0),
        continue_token=request.param("continue"),
        timeout=integer(request, "timeoutSeconds"),
        bookmarks=request.flag("allowWatchBookmarks"),
        send_initial_events=request.flag("sendInitialEvents") if initial else None,
    )
    if watch and not options.revision and not options.match and not initial:
        options = replace(options, match=NOT_OLDER, send_initial_events=True)  # a watch from anywhere begins with all that there is
    errors = Errors()
    (_check_watch if watch else _check_list)(options, errors)
    if errors:
        raise invalid("meta.k8s.io", "ListOptions", "", errors)
    return options


def _check_list(options: ListOptions, errors: Errors) -> None:
    field = "resourceVersionMatch"
    if options.match:
        if options.revision is None:
            errors.forbidden(field, "resourceVersionMatch is forbidden unless resourceVersion is provided")
        if options.continue_token:
            errors.forbidden(field, "resourceVersionMatch is forbidden when continue is provided")
        if options.match not in (EXACT, NOT_OLDER):
            errors.not_supported(field, options.match, [EXACT, NOT_OLDER, ""])
        if options.match == EXACT and options.revision == 0:
            errors.forbidden(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
    if options.send_initial_events is not None:
        errors.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list")


def _check_watch(options: ListOptions, errors: Errors) -> None:
    field = "resourceVersionMatch"
    if options.send_initial_events is not None and options.match != NOT_OLDER:
        errors.forbidden(field, f"sendInitialEvents requires setting resourceVersionMatch to {NOT_OLDER}")
    if options.match:
        if options.send_initial_events is None:
            errors.forbidden(field, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
        if options.match != NOT_OLDER:
            errors.not_supported(field, options.match, [NOT_OLDER])
        if options.continue_token:
            errors.forbidden(field, "resourceVersionMatch is forbidden when continue is provided")


def _revision(text: str, *, watch: bool) -> int:
    try:
        return parse_revision(text)
    except ValueError as error:
        if watch:
            raise ApiError(str(error), reason="") from error
        raise BadRequestError(f"invalid resource version: {error}") from error


def parse_revision(text: str) -> int:
    """Read a resourceVersion. Raises ValueError with Go's text."""
    try:
        return parse_uint(text)
    except ValueError as error:
        raise ValueError(f"resourceVersion: Invalid value: {quote(text)}: {error}") from error


def integer(request: Request, name: str) -> int:
    """Return a parameter that is a number, 0 when it is absent. Raises BadRequestError."""
    text = request.param(name)
    if not text:
        return 0
    try:
        return parse_int(text)
    except ValueError as error:
        raise BadRequestError(str(error)) from error


class _Token(msgspec.Struct):
    v: str = ""
    rv: int = 0
    start: str = ""


def encode_continue(start: str, revision: int) -> str:
    """Return a continue token; `start` is the rest of the key after the list's prefix, revision -1 means the latest."""
    return urlsafe_b64encode(msgspec.json.encode(_Token(_CONTINUE_VERSION, revision, start))).rstrip(b"=").decode()


def decode_continue(token: str, prefix: str) -> tuple[str, int]:
    """Return the key to go on from and the revision of the list. Raises BadRequestError."""
    invalid_key = "invalid continue token: continue key is not valid"
    try:
        decoded = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        parse(decoded)
        data = msgspec.json.decode(decoded, type=_Token)
    except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
        raise BadRequestError(f"{invalid_key}: {error}") from error
    if data.v != _CONTINUE_VERSION:
        raise BadRequestError(f"{invalid_key}: server does not recognize this encoded version {data.v}")
    if data.rv == 0:
        raise BadRequestError(f"{invalid_key}: incorrect encoded start resourceVersion (version {_CONTINUE_VERSION})")
    if not data.start:
        raise BadRequestError(f"{invalid_key}: encoded start key empty (version {_CONTINUE_VERSION})")
    key = "/" + data.start.removeprefix("/")
    if posixpath.normpath(key) != key.rstrip("\0") and posixpath.normpath(key) != key:
        raise BadRequestError(f"{invalid_key}: {data.start}")
    return prefix + key[1:], data.rv


class ContinueExpiredError(GoneError):
    """410 for a continue token that is too old; its Status carries a token to go on with, at the latest revision."""

    def __init__(self, token: str) -> None:
        super().__init__(INCONSISTENT_CONTINUE)
        self.token = token

    def status(self) -> Status:
        """Render with the new token in the list metadata."""
        status = super().status()
        status.metadata = ListMeta(continue_=self.token)
        return status


def too_large_revision(wanted: int, current: int) -> TimeoutApiError:
    """Return the error for a resourceVersion that does not come up in time."""
    cause = Cause("ResourceVersionTooLarge", "Too large resource version")
    return TimeoutApiError(f"Timeout: Too large resource version: {wanted}, current: {current}", causes=[cause], retry_after=1)
