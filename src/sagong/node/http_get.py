"""One GET of a container's port, for probes and hooks: no certificate is checked, redirects stay on the host.

Error texts are those of Go's net/http, because users read them in events.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import httptools

from sagong.api.types.core import Container, EphemeralContainer, HTTPGetAction

BODY_LIMIT = 10 * 1024
REDIRECTS = 10
_NOT_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")
"""OpenSSL's reasons, of several versions, for an answer that is no TLS"""
_PLAIN = "%/:@!$&'()*+,;=~[]"
"""What stands in a URL's path for itself, besides letters and digits."""
_REDIRECT_CODES = (301, 302, 303, 307, 308)


class GetError(Exception):
    """No answer came; the message is Go's."""


class PlainServerError(GetError):
    """The server speaks HTTP where HTTPS was asked for."""


@dataclass(frozen=True, slots=True)
class Target:
    """What to get: where to connect, and the request's own Host and headers."""

    scheme: str
    host: str
    port: int
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def address(self) -> str:
        """Return host:port, IPv6 in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """Return the URL."""
        return f"{self.scheme}://{self.address}{self.path}"


@dataclass(slots=True)
class Answer:
    """What came back; the body is cut at BODY_LIMIT."""

    code: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    complete: bool = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header from the parser."""
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, data: bytes) -> None:
        """Take a part of the body from the parser."""
        self.body += data
        self.complete = len(self.body) >= BODY_LIMIT

    def on_message_complete(self) -> None:
        """Note the end."""
        self.complete = True


def target_of(action: HTTPGetAction, container: Container | EphemeralContainer, pod_ip: str, agent: str) -> Target:
    """Return what a probe or hook asks for; `agent` is probe or lifecycle. Raises GetError for a port that has no number."""
    headers = [(header.name, header.value) for header in action.httpHeaders]
    given = {name.lower() for name, _ in headers}
    if "user-agent" not in given:
        headers.append(("User-Agent", f"kube-{agent}/1.36"))
    if "accept" not in given:
        headers.append(("Accept", "*/*"))
    return Target(
        scheme=(action.scheme or "HTTP").lower(),
        host=action.host or pod_ip,
        port=resolve_port(action.port, container),
        path=_wire_path(action.path),
        headers=tuple((name, value) for name, value in headers if value or name.lower() not in ("user-agent", "accept")),
    )


def _wire_path(path: str) -> str:
    """Return the path as it is sent: from the root, what URLs do not hold is escaped, and a fragment stays at home."""
    before, mark, query = path.partition("#")[0].partition("?")
    escaped = quote(before if before.startswith("/") else f"/{before}", safe=_PLAIN)
    return f"{escaped}{mark}{quote(query, safe=_PLAIN + '?')}"


def resolve_port(port: int | str, container: Container | EphemeralContainer) -> int:
    """Return the number of a port given by number or by the name of one of the container's ports. Raises GetError."""
    number = port
    if isinstance(port, str):
        named = next((p.containerPort for p in container.ports if p.name == port), None)
        number = named if named is not None else int(port) if port.isdigit() else port
    if not isinstance(number, int):
        raise GetError(f'strconv.Atoi: parsing "{port}": invalid syntax')
    if not 0 < number < 1 << 16:
        raise GetError(f"invalid port number: {number}")
    return number


async def get(target: Target, timeout_seconds: float) -> Answer:
    """Fetch, following redirects to the same host. Raises GetError."""
    try:
        async with asyncio.timeout(timeout_seconds):
            return await _follow(target)
    except TimeoutError:
        text = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        raise GetError(f'Get "{target.url}": {text}') from None
    except (OSError, httptools.HttpParserError, EOFError) as error:
        if isinstance(error, ssl.SSLError) and error.reason in _NOT_TLS:
            raise PlainServerError(f'Get "{target.url}": http: server gave HTTP response to HTTPS client') from error
        raise GetError(f'Get "{target.url}": {dial_error(error, target.address)}') from error


async def _follow(target: Target) -> Answer:
    for _ in range(REDIRECTS):
        answer = await _once(target)
        location = answer.headers.get("location", "") if answer.code in _REDIRECT_CODES else ""
        following = _redirect(target, location) if location else None
        if following is None:
            return answer
        target = following
    raise GetError(f'Get "{target.url}": stopped after {REDIRECTS} redirects')


def dial_error(error: Exception, address: str) -> str:
    """Return Go's words for a connection that failed."""
    if isinstance(error, ConnectionRefusedError):
        return f"dial tcp {address}: connect: connection refused"
    if isinstance(error, ConnectionResetError):
        return f"read tcp {address}: connection reset by peer"
    if isinstance(error, EOFError):
        return "EOF"
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
        return f"dial tcp {address}: connect: {(error.strerror or str(error)).lower()}"
    return str(error)


def _redirect(target: Target, location: str) -> Target | None:
    parts = urlsplit(location)
    if parts.hostname and parts.hostname != target.host:
        return None
    scheme = parts.scheme or target.scheme
    port = parts.port or (target.port if not parts.hostname else {"http": 80, "https": 443}.get(scheme, target.port))
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(scheme=scheme, host=target.host, port=port, path=path, headers=target.headers)


async def _once(target: Target) -> Answer:
    context = _unverified() if target.scheme == "https" else None
    reader, writer = await asyncio.open_connection(target.host, target.port, ssl=context)
    try:
        writer.write(_request(target))
        answer = Answer()
        parser = httptools.HttpResponseParser(answer)
        while not answer.complete:
            data = await reader.read(BODY_LIMIT)
            if not data:
                if answer.code or parser.get_status_code():
                    break
                raise EOFError
            parser.feed_data(data)
        answer.code = parser.get_status_code()
        return answer
    finally:
        writer.transport.abort()


def _request(target: Target) -> bytes:
    lines = [f"GET {target.path} HTTP/1.1"]
    headers: Sequence[tuple[str, str]] = target.headers
    if not any(name.lower() == "host" for name, _ in headers):
        lines.append(f"Host: {target.address}")
    lines.extend(f"{name}: {value}" for name, value in headers)
    return ("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode("latin-1", errors="replace")


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
