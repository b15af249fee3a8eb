"""/statusz and /flagz: what the server says of its process. Made by the first request for one of them."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from sagong.api.clock import Clock, Random
from sagong.server.config import ServerConfig
from sagong.server.dispatch import Page
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer, Response
from sagong.server.negotiation import wants_pretty
from sagong.server.pages import VERSION

if TYPE_CHECKING:
    from sagong.api import zpages

PATHS = ("/statusz", "/flagz")


class Zpages:
    """The pages at `PATHS`. `pages` are all that the server has; a key that ends in `/` is no path to list."""

    def __init__(
        self, config: ServerConfig, pages: Mapping[str, Page], started: Callable[[], datetime], *, clock: Clock, random: Random
    ) -> None:
        self._config, self._pages, self._started = config, pages, started
        self._clock, self._random = clock, random
        self._made: zpages.Zpages | None = None

    def __call__(self, exchange: Exchange) -> Answer:
        """Answer."""
        if self._made is None:
            self._made = self._make()
        request = exchange.request
        accept = ",".join(request.headers.get("accept", ()))
        path = exchange.info.path.rstrip("/")
        answer = self._made.answer(path, accept, pretty=wants_pretty(request))
        # counted as what was answered, which only now is known
        exchange.info = exchange.info._replace(group=answer.group, version=answer.version, resource=path.strip("/"))
        if answer.warning:
            exchange.warnings.append(answer.warning)
            exchange.annotations["k8s.io/deprecated"] = "true"
        return Response(answer.body, answer.status, answer.content_type)

    def _make(self) -> zpages.Zpages:
        from sagong.api import zpages  # noqa: PLC0415 - rarely asked for
        from sagong.server.flags import flags  # noqa: PLC0415 - see above

        language = f"python{platform.python_version()}"
        process = zpages.Process("apiserver", VERSION["gitVersion"], language, self._started(), flags(self._config))
        paths = (path for path in self._pages if not path.endswith("/"))
        return zpages.Zpages(process, paths, self._clock, self._random)
