"""The log subresource of pods: options checked here, lines streamed from the kubelet."""

from __future__ import annotations

from sagong.api.clock import format_time, parse_time
from sagong.api.errors import ApiError, BadRequestError, Cause, invalid
from sagong.api.field_errors import Errors
from sagong.api.go_values import parse_int
from sagong.api.types.core import Pod
from sagong.server.connect.backend import BackendError, query, request
from sagong.server.connect.proxying import stream
from sagong.server.connect.targets import Targets, container_of
from sagong.server.messages import Answer, Request, Response, Stream

_TEXT = "text/plain"
_FLAGS = ("follow", "previous", "timestamps")
_NUMBERS = ("sinceSeconds", "tailLines", "limitBytes")
_STREAMS = ("All", "Stdout", "Stderr")
_MOST_ERROR_TEXT = 50_000
_MESSAGES = {
    401: ("Unauthorized", "the server has asked for the client to provide credentials"),
    404: ("NotFound", "the server could not find the requested resource"),
    405: ("MethodNotAllowed", "the server does not allow this method on the requested resource"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
}


async def log(asked: Request, pod: Pod, targets: Targets) -> Answer:
    """Answer GET pods/<name>/log. Raises BadRequestError, InvalidError, ApiError."""
    name = pod.metadata.name
    options = _options(asked, name)
    container = container_of(pod, asked.param("container"))
    if not pod.spec.nodeName:
        return Response(b"", content_type=_TEXT)
    path = f"/containerLogs/{pod.metadata.namespace}/{name}/{container}"
    verify = not asked.flag("insecureSkipTLSVerifyBackend")
    location = targets.kubelet(pod.spec.nodeName, path, query(options), verify=verify)
    try:
        reply = await request(location, "GET", [("Connection", "close")])
    except BackendError as error:
        raise ApiError(f'Get "{location.url}": {error}', reason="", code=500) from error
    if not 200 <= reply.status <= 206:  # noqa: PLR2004 - what upstream takes for a log
        text = (await reply.whole(_MOST_ERROR_TEXT)).decode(errors="replace")
        raise _error(reply.status, name, text)
    return Stream(stream(reply), content_type=_TEXT)


def _options(asked: Request, name: str) -> list[tuple[str, str]]:
    options = [(flag, "true") for flag in _FLAGS if asked.flag(flag)]
    numbers = {number: _integer(asked.param(number)) for number in _NUMBERS if asked.param(number)}
    options += [(number, str(value)) for number, value in numbers.items()]
    since, wanted_stream = asked.param("sinceTime"), asked.param("stream") or "All"
    if since:
        try:
            options.append(("sinceTime", format_time(parse_time(since))))
        except ValueError as error:
            raise BadRequestError(f'parsing time "{since}" as "2006-01-02T15:04:05Z07:00": cannot parse "{since}" as "2006"') from error
    causes = _check(numbers, since=bool(since), stream_name=wanted_stream)
    if causes:
        raise invalid("", "PodLogOptions", name, causes)
    return [*options, ("stream", wanted_stream)]


def _check(numbers: dict[str, int], *, since: bool, stream_name: str) -> list[Cause]:
    errors = Errors()
    if numbers.get("tailLines", 0) < 0:
        errors.invalid("tailLines", numbers["tailLines"], "must be greater than or equal to 0")
    if numbers.get("limitBytes", 1) < 1:
        errors.invalid("limitBytes", numbers["limitBytes"], "must be greater than 0")
    if since and "sinceSeconds" in numbers:
        errors.forbidden("", "at most one of `sinceTime` or `sinceSeconds` may be specified")
    elif numbers.get("sinceSeconds", 1) < 1:
        errors.invalid("sinceSeconds", numbers["sinceSeconds"], "must be greater than 0")
    if stream_name not in _STREAMS:
        errors.not_supported("stream", stream_name, _STREAMS)
    if stream_name != "All" and "tailLines" in numbers:
        errors.forbidden("", "`tailLines` and specific `stream` are mutually exclusive for now")
    return errors


def _integer(text: str) -> int:
    try:
        return parse_int(text)
    except ValueError as error:
        raise BadRequestError(str(error)) from error


def _error(status: int, name: str, text: str) -> ApiError:
    """Return what the kubelet's refusal is to the client."""
    if status == 500:  # noqa: PLR2004
        return ApiError(f"Internal error occurred: {text}")
    if status == 400:  # noqa: PLR2004
        return BadRequestError(text)
    reason, message = _MESSAGES.get(status, ("", f"the server responded with the status code {status} but did not return more information"))
    if status == 403:  # noqa: PLR2004
        reason, message = "Forbidden", text
    if not reason and status > 500:  # noqa: PLR2004
        reason, message = "InternalError", f'an error on the server ("{text}") has prevented the request from succeeding'
    return ApiError(f"{message} ( pods/log {name})", reason=reason, code=status, kind="pods/log", name=name)
