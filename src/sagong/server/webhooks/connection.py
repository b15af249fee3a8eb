"""One HTTP/1.1 connection to a webhook, kept open between calls."""

from __future__ import annotations

import asyncio
import socket
import ssl

import httptools
from msgspec import Struct, field

from sagong.server.webhooks.certificate_names import mismatch
from sagong.server.webhooks.endpoint import Endpoint

MOST_BYTES = 16 * 1024 * 1024
_CHUNK = 64 * 1024
_UNKNOWN_AUTHORITY = (2, 18, 19, 20, 21)
"""OpenSSL's verify codes for chains that end in no certificate of the bundle."""
_EXPIRED = (9, 10)
_WRONG_NAME = (62, 64)
_PLAIN_HTTP = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST")


class CallError(Exception):
    """The call failed; the message is what Go's HTTP client would say behind the URL (`dial tcp ...`)."""


class StaleConnectionError(CallError):
    """The other side had closed a kept connection before it read the call: to be tried again on a new one."""


class Reply(Struct):
    """An answer, whole. Header names are in lower case."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class _Parsed:
    """What httptools calls while it reads an answer."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.done = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.done = True


class Connection:
    """Sends one request at a time. `idle_since` is set while it is kept."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.used = False
        self.idle_since = 0.0
        self.keep = True

    @property
    def alive(self) -> bool:
        """Whether the other side has neither closed it nor said anything unasked, as far as is known."""
        unasked = self._reader._buffer  # type: ignore[attr-defined] # noqa: SLF001 - nothing else tells without waiting
        return self.keep and not unasked and not self._reader.at_eof() and not self._writer.is_closing()

    async def exchange(self, request: bytes) -> Reply:
        """Send a request, return the answer. Raises CallError; then the connection is of no more use."""
        parsed = _Parsed()
        parser = httptools.HttpResponseParser(parsed)
        begun = False
        try:
            self._writer.write(request)
            await self._writer.drain()
            while not parsed.done:
                data = await self._reader.read(_CHUNK)
                if not data:
                    return self._end(parsed, parser, begun=begun)
                begun = True
                parser.feed_data(data)
                if len(parsed.body) > MOST_BYTES:
                    raise CallError(f"response body is larger than {MOST_BYTES} bytes")
        except OSError as error:
            failure = StaleConnectionError if self.used and not begun else CallError
            raise failure(f"read: {(error.strerror or str(error)).lower()}") from error
        except httptools.HttpParserError as error:
            raise CallError(f"net/http: HTTP/1.x transport connection broken: malformed HTTP response: {error}") from error
        self.used = True
        self.keep = parser.get_http_version() == "1.1" and parsed.headers.get("connection", "").lower() != "close"
        return Reply(parser.get_status_code(), parsed.headers, bytes(parsed.body))

    def _end(self, parsed: _Parsed, parser: httptools.HttpResponseParser, *, begun: bool) -> Reply:
        """Take the end of the stream for the end of an answer that has no other; anything else is a failure."""
        self.keep = False
        if begun and parsed.headers and not {"content-length", "transfer-encoding"} & parsed.headers.keys():
            return Reply(parser.get_status_code(), parsed.headers, bytes(parsed.body))
        if begun:
            raise CallError("unexpected EOF")
        raise StaleConnectionError("EOF") if self.used else CallError("EOF")

    def close(self) -> None:
        """Close it."""
        self.keep = False
        self._writer.close()


async def dial(endpoint: Endpoint) -> Connection:
    """Connect. Raises CallError, and ApiError when the endpoint has no address now."""
    host, port = endpoint.address()
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    name = endpoint.server_name if endpoint.tls else None
    try:
        reader, writer = await asyncio.open_connection(host, port, ssl=endpoint.tls, server_hostname=name)
    except ssl.SSLCertVerificationError as error:
        wrong_name = error.verify_code in _WRONG_NAME
        complaint = await mismatch(host, port, endpoint.server_name) if wrong_name else _complaint(error)
        raise CallError(f"tls: failed to verify certificate: x509: {complaint}") from error
    except ssl.SSLError as error:
        if error.reason in _PLAIN_HTTP:
            raise CallError("http: server gave HTTP response to HTTPS client") from error
        raise CallError(f"remote error: tls: {error.reason or error}".lower().replace("_", " ")) from error
    except socket.gaierror as error:
        raise CallError(f"dial tcp: lookup {host}: no such host") from error
    except OSError as error:
        refused = isinstance(error, ConnectionRefusedError)
        reason = "connection refused" if refused else (error.strerror or str(error) or "connection reset by peer").lower()
        raise CallError(f"dial tcp {shown}: connect: {reason}") from error
    return Connection(reader, writer)


def _complaint(error: ssl.SSLCertVerificationError) -> str:
    """Return Go's words for what is wrong with a certificate."""
    if error.verify_code in _UNKNOWN_AUTHORITY:
        return "certificate signed by unknown authority"
    if error.verify_code in _EXPIRED:
        return f"certificate has expired or is not yet valid: {error.verify_message}"
    return str(error.verify_message)
