"""Which address stands behind a Service that a webhook names: found as for aggregated API servers, but for this server itself."""

from __future__ import annotations

from sagong.api.errors import ServiceUnavailableError
from sagong.server.aggregation.resolve import ResolveError, Resolver

Address = tuple[str, int]


class Services:
    """Resolves Services; default/kubernetes is this server itself, at `own`."""

    def __init__(self, resolver: Resolver, own: Address) -> None:
        self._resolver, self._own = resolver, own

    def resolve(self, namespace: str, name: str, port: int) -> Address:
        """Return where to connect to. Raises ApiError with upstream's words."""
        if (namespace, name, port) == ("default", "kubernetes", 443):
            return self._own
        try:
            return self._resolver.resolve(namespace, name, port)
        except ResolveError as error:
            raise ServiceUnavailableError(str(error)) from error
