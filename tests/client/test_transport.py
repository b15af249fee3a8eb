"""Requests: what is tried again and what is not, whose time is counted, and errors as the server means them."""

from __future__ import annotations

import asyncio
from collections import deque

import msgspec
import pytest
from tests.virtual import loop
from tests.virtual.loop import VirtualClock

from sagong.api.cause import cause_id
from sagong.api.errors import ApiError, ConflictError, UnauthorizedError
from sagong.client.config import ClientConfig
from sagong.client.connection import ServerUnreachableError
from sagong.client.transport import MAX_REQUESTS, MAX_RETRIES, Request, Response, Transport, error_of


class Renewable:
    """Tokens of which the first is refused."""

    def __init__(self, *, another: bool) -> None:
        self.number, self._another = 1, another

    async def token(self) -> str:
        return f"t{self.number}"

    def renew(self) -> bool:
        self.number += 1
        return self._another


class Answering(Transport):
    """Answers as told, then with 200; what is asked is kept."""

    def __init__(self, clock: VirtualClock, *answers: Response | Exception, bearer: Renewable | None = None) -> None:
        super().__init__(ClientConfig("http://server.invalid:8080/base"), clock, bearer=bearer)
        self.answers = deque(answers)
        self.times: list[float] = []
        self.encoded: list[bytes] = []
        self.most = self.now = 0
        self._at = clock

    async def _exchange(self, request: Request, time_limit: float) -> Response:
        del time_limit
        self.times.append(self._at.monotonic())
        self.encoded.append(self._encode(request, await self._bearer.token(), None))
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.001)
        self.now -= 1
        answer = self.answers.popleft() if self.answers else Response(200, {}, b"{}")
        if isinstance(answer, Exception):
            raise answer
        return answer


def status(code: int, reason: str = "", message: str = "no", **headers: str) -> Response:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code}
    return Response(code, {name.replace("_", "-"): value for name, value in headers.items()}, msgspec.json.encode(body))


GET = Request("GET", "/api/v1/pods", {}, {})


def asked(
    *answers: Response | Exception, bearer: Renewable | None = None, request: Request = GET
) -> tuple[Answering, Response | Exception]:
    async def main() -> tuple[Answering, Response | Exception]:
        transport = Answering(VirtualClock(asyncio.get_running_loop()), *answers, bearer=bearer)
        try:
            return transport, await transport.request(request)
        except (ApiError, OSError) as error:
            return transport, error

    return loop.run(main())


@pytest.mark.parametrize(
    ("answer", "pauses"),
    [
        (status(429, "TooManyRequests", retry_after="3"), [3.0]),
        (status(503, "ServiceUnavailable", retry_after="1"), [1.0]),
        (status(500, "InternalError", retry_after="2"), [2.0]),
        (status(429, "TooManyRequests"), None),
        (status(503, "ServiceUnavailable"), None),
        (status(503, "ServiceUnavailable", retry_after="soon"), None),
        (status(404, "NotFound", retry_after="1"), None),
        (ServerUnreachableError("nobody is there"), None),
    ],
)
def test_only_what_the_server_asks_for_is_tried_again(answer: Response | Exception, pauses: list[float] | None) -> None:
    transport, got = asked(answer)
    if pauses is None:
        assert isinstance(got, Exception)
        assert len(transport.times) == 1
    else:
        assert isinstance(got, Response)
        assert [round(after - before, 1) for before, after in zip(transport.times, transport.times[1:], strict=False)] == pauses


def test_it_is_not_tried_for_ever() -> None:
    transport, got = asked(*[status(429, "TooManyRequests", "slower", retry_after="1")] * 100)
    assert isinstance(got, ApiError)
    assert (got.code, str(got)) == (429, "slower")
    assert len(transport.times) == MAX_RETRIES + 1


@pytest.mark.parametrize(("another", "tried"), [(True, [b"t1", b"t2"]), (False, [b"t1"])])
def test_a_refused_token_is_renewed_once(*, another: bool, tried: list[bytes]) -> None:
    refused = status(401, "Unauthorized")
    transport, got = asked(refused, bearer=Renewable(another=another))
    assert [text.partition(b"Bearer ")[2].partition(b"\r")[0] for text in transport.encoded] == tried
    assert isinstance(got, Response) == another
    _, twice = asked(refused, refused, bearer=Renewable(another=True))
    assert isinstance(twice, UnauthorizedError)


@pytest.mark.parametrize(
    ("answer", "kind", "code", "text"),
    [
        (status(409, "Conflict", "modified"), ConflictError, 409, "modified"),
        (Response(502, {}, b"<h1>Bad gateway</h1>\n"), ApiError, 502, "<h1>Bad gateway</h1>"),
        (Response(504, {}, b""), ApiError, 504, "the server answered 504"),
        (Response(500, {}, b'{"kind":"Pod"}'), ApiError, 500, '{"kind":"Pod"}'),
        (Response(500, {}, b"\xff"), ApiError, 500, "\ufffd"),
    ],
)
def test_errors_of_servers_and_of_what_stands_before_them(answer: Response, kind: type[ApiError], code: int, text: str) -> None:
    error = error_of(answer)
    assert isinstance(error, kind)
    assert (error.code, str(error)) == (code, text)


@pytest.mark.parametrize(
    ("request_", "lines"),
    [
        (Request("GET", "/api/v1/pods", {}, {"Accept": "a/b"}), [b"GET /base/api/v1/pods HTTP/1.1", b"Accept: a/b"]),
        (Request("GET", "/x y/\u00e4?#%", {}, {}), [b"GET /base/x%20y/%C3%A4%3F%23%25 HTTP/1.1"]),
        (
            Request("GET", "/p", {"labelSelector": "a in (b,c)", "x": ["1", "2"]}, {}),
            [b"GET /base/p?labelSelector=a+in+%28b%2Cc%29&x=1&x=2 HTTP/1.1"],
        ),
        (Request("POST", "/p", {}, {}, b"{}"), [b"POST /base/p HTTP/1.1", b"Content-Length: 2", b"", b"{}"]),
        (Request("POST", "/p", {}, {}), [b"Content-Length: 0"]),
        (Request("DELETE", "/p", {}, {}, b"{}"), [b"Content-Length: 2", b"", b"{}"]),
    ],
)
def test_what_is_sent(request_: Request, lines: list[bytes]) -> None:
    transport, _ = asked(request=request_)
    sent = transport.encoded[0].split(b"\r\n")
    assert set(lines) <= set(sent)
    assert b"Host: server.invalid:8080" in sent
    assert (b"Content-Length: 0" in sent) == (request_.method == "POST" and not request_.body)


def test_a_request_names_its_cause() -> None:
    async def main() -> bytes:
        cause_id.set("deployment:n/a:1")
        transport = Answering(VirtualClock(asyncio.get_running_loop()))
        await transport.request(GET)
        return transport.encoded[0]

    assert b"\r\nSagong-Cause: deployment:n/a:1\r\n" in loop.run(main())


def test_so_many_requests_at_a_time_and_no_more() -> None:
    async def main() -> None:
        transport = Answering(VirtualClock(asyncio.get_running_loop()))
        await asyncio.gather(*(transport.request(GET) for _ in range(3 * MAX_REQUESTS)))
        assert transport.most == MAX_REQUESTS

    loop.run(main())
