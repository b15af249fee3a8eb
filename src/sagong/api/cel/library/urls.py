"""URLs: `url("https://a:80/b?c=d").getHost()`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import parse_qsl, quote, unquote

from sagong.api.cel import types
from sagong.api.cel.declarations import Functions
from sagong.api.cel.errors import EvaluationError
from sagong.api.cel.values import Host

URLS = Functions()
_URL = URLS.type("URL", types.struct("kubernetes.URL"))
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}")
_BAD_HOST = re.compile(r"[ <>\"\\^`{|}]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PORT = re.compile(r"(?:\[.*\]|[^:\[\]]*)(?::(\d*))?")
_PATH_SAFE = "/$&+,:;=@!*'()~%"


@dataclass(frozen=True, slots=True)
class Url(Host):
    """A URL as it was written, and its parts."""

    cel_type: ClassVar = _URL
    flat_equality: ClassVar = True
    text: str
    scheme: str
    host: str
    path: str
    query: str

    def __str__(self) -> str:
        return self.text


def fault(text: str) -> str | None:
    """Return why the text is no absolute URI or path, in Go's words; None when it is one."""
    try:
        parse(text)
    except EvaluationError as error:
        return str(error)
    return None


def parse(text: str) -> Url:
    """Parse an absolute URI or an absolute path. Raises EvaluationError with Go's text."""
    if text == "*":
        return Url(text, "", "", "*", "")
    scheme = _SCHEME.match(text)
    rest = text[scheme.end() :] if scheme else text
    location, _, query = rest.partition("?")
    host, path = "", location if location.startswith("/") else ""
    if scheme and location.startswith("//"):
        authority, slash, below = location[2:].partition("/")
        host, path = authority.rpartition("@")[2], slash + below
    reason = _wrong(text, host, path, rooted=scheme is not None or rest.startswith("/"))
    if reason:
        raise EvaluationError(f'parse "{text}": {reason}')
    return Url(text, scheme[1].lower() if scheme else "", host, path, query)


def _wrong(text: str, host: str, path: str, *, rooted: bool) -> str:
    """Return the first thing wrong with a URL, "" when nothing is."""
    escape = _BAD_ESCAPE.search(path) or _BAD_ESCAPE.search(host)
    unfit = _BAD_HOST.search(host)
    faults: list[tuple[object, str]] = [
        (_CONTROL.search(text), "net/url: invalid control character in URL"),
        (not text, "empty url"),
        (text.startswith(":"), "missing protocol scheme"),
        (not rooted, "invalid URI for request"),
        (escape, f'invalid URL escape "{escape[0] if escape else ""}"'),
        (unfit, f'invalid character "{unfit[0] if unfit else ""}" in host name'),
        (host.startswith("[") and "]" not in host, "missing ']' in host"),
        (not _PORT.fullmatch(host), f'invalid port "{host[host.rfind(":") :]}" after host'),
    ]
    return next((words for found, words in faults if found), "")


def _url(text: str) -> Url:
    try:
        return parse(text)
    except EvaluationError as error:
        raise EvaluationError(f"URL parse error during conversion from string: {error}") from None


def _hostname(url: Url) -> str:
    if url.host.startswith("["):
        return unquote(url.host[1 : url.host.index("]")])
    return url.host.partition(":")[0]


def _port(url: Url) -> str:
    match = _PORT.fullmatch(url.host)
    return (match[1] or "") if match else ""


def _query(url: Url) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for part in url.query.split("&"):
        if ";" not in part:
            for key, value in parse_qsl(part, keep_blank_values=True):
                found.setdefault(key, []).append(value)
    return found


def _declare() -> None:
    add = URLS.add
    add("url", "string_to_url (string) -> URL", _url)
    add("isURL", "is_url_string (string) -> bool", lambda text: fault(text) is None)
    add("getScheme", "url_get_scheme URL.() -> string", lambda url: url.scheme)
    add("getHost", "url_get_host URL.() -> string", lambda url: url.host)
    add("getHostname", "url_get_hostname URL.() -> string", _hostname)
    add("getPort", "url_get_port URL.() -> string", _port)
    add("getEscapedPath", "url_get_escaped_path URL.() -> string", lambda url: quote(url.path, safe=_PATH_SAFE))
    add("getQuery", "url_get_query URL.() -> map(string, list(string))", _query)


_declare()
