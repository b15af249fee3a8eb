"""Users whom an authenticating proxy vouches for in request headers, as API aggregation uses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from msgspec import Struct

from sagong.server.contract import User


class ProxyHeaders(Struct, frozen=True):
    """Which headers say what. `allowed_names`: the common names that a proxy's certificate may have; none: any."""

    allowed_names: Sequence[str] = ()
    username: Sequence[str] = ("X-Remote-User",)
    uid: Sequence[str] = ("X-Remote-Uid",)
    group: Sequence[str] = ("X-Remote-Group",)
    extra_prefix: Sequence[str] = ("X-Remote-Extra-",)

    def user(self, headers: Mapping[str, Sequence[str]]) -> User | None:
        """Return the user; None when the headers name none. Header names are in lower case."""
        name = _first(headers, self.username)
        if not name:
            return None
        groups = tuple(value for header in self.group for value in headers.get(header.lower(), ()) if value)
        return User(name, _first(headers, self.uid), groups, self._extra(headers))

    def clear(self, headers: dict[str, list[str]]) -> None:
        """Remove the headers, so that nobody behind this server believes them."""
        for header in (*self.username, *self.uid, *self.group):
            headers.pop(header.lower(), None)
        for header in [name for name in headers if name.startswith(self._prefixes())]:
            del headers[header]

    def _prefixes(self) -> tuple[str, ...]:
        return tuple(prefix.lower() for prefix in self.extra_prefix)

    def _extra(self, headers: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
        extra: dict[str, Sequence[str]] = {}
        for prefix in self._prefixes():
            for header, values in headers.items():
                if header.startswith(prefix):
                    key = unquote(header.removeprefix(prefix))
                    extra[key] = (*extra.get(key, ()), *values)
        return extra


def _first(headers: Mapping[str, Sequence[str]], names: Sequence[str]) -> str:
    for name in names:
        values = headers.get(name.lower())
        if values and values[0]:
            return values[0]
    return ""
