"""Links of a proxied page: those to the page's own host lead through the proxy again."""

from __future__ import annotations

import gzip
import html
import re
import zlib
from urllib.parse import urlsplit, urlunsplit

from sagong.server.connect.backend import Location
from sagong.server.messages import Request

_ATTRIBUTES = "action|archive|background|cite|classid|codebase|data|formaction|href|longdesc|manifest|poster|profile|src|usemap"
_LINK = re.compile(rf"""(<[a-zA-Z][^<>]*?\s(?:{_ATTRIBUTES})\s*=\s*)("[^"]*"|'[^']*')""", re.IGNORECASE)


class Rewriter:
    """For one proxied request."""

    def __init__(self, asked: Request, location: Location) -> None:
        path = asked.raw_path
        inner = location.path
        self._prefix = path.removesuffix(inner) if inner and path.endswith(inner) else path.removesuffix("/")
        self._host, self._inner = asked.header("host"), location.authority
        self._path = location.path

    def headers(self) -> list[tuple[str, str]]:
        """Return what tells the backend where it is seen from."""
        return [("X-Forwarded-Uri", "/".join([self._prefix.rstrip("/"), self._path.lstrip("/")]))]

    def link(self, target: str) -> str:
        """Return a link as the client must follow it, a path on the API server; relative ones and those to other hosts stay."""
        try:
            parts = urlsplit(target)
        except ValueError:
            return target
        if parts.netloc not in ("", self._host, self._inner) or not parts.path.startswith("/"):
            return target
        if parts.path.startswith(self._prefix):
            return target
        return urlunsplit(("", "", self._prefix.rstrip("/") + parts.path, parts.query, parts.fragment))

    def page(self, content: bytes, encoding: str) -> bytes:
        """Rewrite the links of an HTML page; one in an encoding that is not known stays as it is."""
        if encoding == "gzip":
            return gzip.compress(self._page(gzip.decompress(content)))
        if encoding == "deflate":
            return zlib.compress(self._page(zlib.decompress(content, -zlib.MAX_WBITS)), wbits=-zlib.MAX_WBITS)
        return content if encoding else self._page(content)

    def _page(self, content: bytes) -> bytes:
        text = content.decode("utf-8", "surrogateescape")
        while (changed := _LINK.sub(self._attribute, text)) != text:
            text = changed
        return text.encode("utf-8", "surrogateescape")

    def _attribute(self, match: re.Match[str]) -> str:
        quote = match[2][0]
        return f"{match[1]}{quote}{html.escape(self.link(html.unescape(match[2][1:-1])), quote=True)}{quote}"
