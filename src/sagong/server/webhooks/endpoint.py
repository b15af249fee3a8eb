"""Where a webhook is, and how it proves who it is: from a clientConfig, which names a URL or a Service."""

from __future__ import annotations

import functools
import posixpath
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from sagong.api.field_errors import quote
from sagong.server.webhooks.resolver import Address, Services

HTTPS = 443
Headers = Sequence[tuple[str, str]]


class ServiceReference(Protocol):
    """A Service in any of the API's client configurations."""

    namespace: str
    name: str
    path: str | None
    port: int | None


class ClientConfig(Protocol):
    """The client configuration of admission and of conversion webhooks: their types differ only in name."""

    url: str | None
    caBundle: bytes

    @property
    def service(self) -> ServiceReference | None:
        """The Service, where one is named instead of a URL."""
        ...


class EndpointError(ValueError):
    """Nobody can be called with such a configuration; the message says why."""


class Endpoint(Struct, frozen=True):
    """One place to call. `address` is asked for each new connection, and raises ApiError when there is none now."""

    authority: str
    path: str
    address: Callable[[], Address]
    tls: ssl.SSLContext | None
    server_name: str
    headers: Callable[[], Headers] = tuple

    @property
    def url(self) -> str:
        """The URL as messages show it."""
        return f"{'https' if self.tls else 'http'}://{self.authority}{self.path}"


def endpoint_of(config: ClientConfig, services: Services) -> Endpoint:
    """Return where a clientConfig leads. Raises EndpointError."""
    tls = shared_tls(config.caBundle)
    service = config.service
    if service is not None:
        port = service.port or HTTPS
        server_name = f"{service.name}.{service.namespace}.svc"
        address = partial(services.resolve, service.namespace, service.name, port)
        return Endpoint(f"{server_name}:{port}", clean_path(service.path or ""), address, tls, server_name)
    if not config.url:
        raise EndpointError("webhook configuration must have either service or URL")
    found = endpoint_at(config.url, tls)
    return replace(found, path=clean_path(found.path))


def endpoint_at(url: str, tls: ssl.SSLContext | None, server_name: str = "", headers: Callable[[], Headers] = tuple) -> Endpoint:
    """Return the endpoint at a URL. Raises EndpointError."""
    try:
        parts = urlsplit(url)
        port = parts.port or (80 if parts.scheme == "http" else HTTPS)
    except ValueError as error:
        raise EndpointError(f"Unparsable URL: parse {quote(url)}: {error}") from error
    host = parts.hostname or ""
    encrypted = tls if parts.scheme != "http" else None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Endpoint(parts.netloc, path, lambda: (host, port), encrypted, server_name or host, headers)


def shared_tls(authorities: bytes) -> ssl.SSLContext:
    """As `tls_of`; those that believe the system's authorities, which take a megabyte, are one. Raises EndpointError."""
    return tls_of(authorities) if authorities.strip() else _system_tls()


@functools.cache
def _system_tls() -> ssl.SSLContext:
    return tls_of(b"")


def clean_path(path: str) -> str:
    """Return a path as Go's REST client sends it: absolute, without empty segments or a slash at the end."""
    return posixpath.normpath("/" + path.lstrip("/"))


def tls_of(authorities: bytes, *, verify: bool = True) -> ssl.SSLContext:
    """Return a TLS side that believes these authorities (PEM), or without any the system's. Raises EndpointError.

    As in Go, any certificate of the bundle is believed, an authority's or the server's own; and names count only as subjectAltName.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    context.set_alpn_protocols(["http/1.1"])
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if not authorities.strip():
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(cadata=authorities.decode("ascii", "replace"))
    except (ssl.SSLError, ValueError) as error:
        raise EndpointError("unable to load root certificates: unable to parse bytes as PEM block") from error
    return context
