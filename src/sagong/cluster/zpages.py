"""/statusz and /flagz of the processes that are no servers by themselves: what each was started with, and when."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from sagong.api.accept import wants_pretty
from sagong.cluster import process_metrics
from sagong.cluster.clock import RealClock, RealRandom
from sagong.cluster.config import KUBERNETES_VERSION

if TYPE_CHECKING:
    from sagong.api import zpages

PATHS = ("/statusz", "/flagz")


class Zpages:
    """Both pages of this process, made by the first request. `paths` are what its port has beside them."""

    def __init__(self, component: str, paths: Iterable[str], flags: Callable[[], Mapping[str, str]]) -> None:
        self._component, self._paths, self._flags = component, (*paths, "/flagz"), flags
        self._made: zpages.Zpages | None = None

    def answer(self, path: str, headers: Mapping[str, str]) -> zpages.Answer:
        """Answer a request for one of `PATHS`; names of headers are in lower case."""
        if self._made is None:
            self._made = self._make()
        return self._made.answer(path, headers.get("accept", ""), pretty=wants_pretty(headers.get("user-agent", ""), ""))

    def _make(self) -> zpages.Zpages:
        from sagong.api import zpages  # noqa: PLC0415 - rarely asked for

        language = f"python{platform.python_version()}"
        process = zpages.Process(self._component, KUBERNETES_VERSION, language, process_metrics.started(), self._flags())
        return zpages.Zpages(process, self._paths, RealClock(), RealRandom())
