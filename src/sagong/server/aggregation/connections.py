"""Requests to the servers behind: where they are, with the front proxy's certificate, and in whose name."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct

from sagong.server.aggregation.resolve import ResolveError, Resolver
from sagong.server.aggregation.services import Backend
from sagong.server.connect.backend import BackendError, Headers, Location, Reply, request
from sagong.server.contract import User

AGGREGATOR = User("system:kube-aggregator", groups=("system:masters",))
_HEADER_SAFE = "!#$&'*+.^_`|~-"
_BODY_LIMIT = 64 << 20
_MOST_CONTEXTS = 64


class Fetched(Struct, frozen=True):
    """A whole answer, and where it came from."""

    url: str
    status: int
    headers: Headers
    body: bytes

    def header(self, name: str) -> str:
        """Return a header's first value; `name` in lower case."""
        return next((value for key, value in self.headers if key.lower() == name), "")


class Connections:
    """Knows the way to every backend. `certificate` and `key`: paths of PEM files, "" for none."""

    def __init__(self, resolver: Resolver, certificate: str, key: str) -> None:
        self._resolver, self._certificate, self._key = resolver, certificate, key
        self._contexts: dict[tuple[bytes, bool], ssl.SSLContext] = {}
        self._stamp = 0

    def location(self, backend: Backend, path: str, query: str = "") -> Location:
        """Return where a request goes. Raises ResolveError, ssl.SSLError and OSError for certificates that cannot be read."""
        host, port = self._resolver.resolve(backend.namespace, backend.service, backend.port)
        return Location(host, port, path, query, self._context(backend), backend.server_name)

    async def fetch(self, backend: Backend, path: str, headers: Headers = (), *, user: User = AGGREGATOR, seconds: float = 5) -> Fetched:
        """Get a path as the aggregator. Raises FetchError."""
        location = None
        try:
            location = self.location(backend, path)
            async with asyncio.timeout(seconds):
                reply: Reply = await request(location, "GET", [*headers, *identity(user), ("Connection", "close")])
                return Fetched(location.url, reply.status, reply.headers, await reply.whole(_BODY_LIMIT))
        except TimeoutError as error:
            raise FetchError(location, "context deadline exceeded (Client.Timeout exceeded while awaiting headers)") from error
        except (BackendError, ResolveError, OSError, ValueError) as error:  # ValueError: a name that is no host's
            raise FetchError(location, str(error)) from error

    def _context(self, backend: Backend) -> ssl.SSLContext:
        key = backend.ca_bundle, backend.insecure
        stamp = Path(self._certificate).stat().st_mtime_ns if self._certificate else 0
        if stamp != self._stamp or len(self._contexts) >= _MOST_CONTEXTS:  # the certificate was renewed
            self._stamp = stamp
            self._contexts.clear()
        if key not in self._contexts:
            self._contexts[key] = _client_side(*key)
            if self._certificate:
                self._contexts[key].load_cert_chain(self._certificate, self._key)
        return self._contexts[key]


class FetchError(Exception):
    """No answer; `location` None: it is not even known where to ask."""

    def __init__(self, location: Location | None, reason: str) -> None:
        super().__init__(f'Get "{location.url}": {reason}' if location else reason)
        self.location = location


def _client_side(bundle: bytes, insecure: bool) -> ssl.SSLContext:  # noqa: FBT001 - a cache key taken apart
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    if insecure:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    elif bundle:
        context.load_verify_locations(cadata=bundle.decode("ascii", "replace"))
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an authority may be an intermediate one
    else:
        context.load_default_certs()
    return context


def identity(user: User) -> list[tuple[str, str]]:
    """Return the headers that name the user to a server that believes the front proxy."""
    headers = [("X-Remote-User", user.name)]
    if user.uid:
        headers.append(("X-Remote-Uid", user.uid))
    headers += [("X-Remote-Group", group) for group in user.groups]
    return headers + [(f"X-Remote-Extra-{_escaped(key)}", value) for key, values in user.extra.items() for value in values]


def _escaped(key: str) -> str:
    return quote(key, safe=_HEADER_SAFE)


def is_identity(name: str, others: Sequence[str] = ("authorization", "x-remote-user", "x-remote-uid", "x-remote-group")) -> bool:
    """Tell whether a header (name in lower case) says who asks: what the client sent of these is not passed on."""
    return name in others or name.startswith(("x-remote-extra-", "impersonate-"))
