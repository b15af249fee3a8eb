"""From two scrapes to what is used: cores are a difference over time, bytes are those of the newer scrape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sagong.metrics.scrape import PodKey, Sample, Scrape

FRESH_SECONDS = 10.0
"""A container that no older scrape shows is rated since its start, once it is that old."""


@dataclass(frozen=True, slots=True)
class Used:
    """Cores and bytes."""

    cores: float
    memory: float


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used in the `window` seconds up to `at`; `of` are the containers, or the node itself under ""."""

    at: float
    window: float
    of: Mapping[str, Used]


@dataclass(slots=True)
class History:
    """The last two scrapes of each node. A node that does not answer keeps them for a while: `forget` drops it."""

    _older: dict[str, Scrape] = field(default_factory=dict)
    _newer: dict[str, Scrape] = field(default_factory=dict)
    _node_of: dict[PodKey, str] = field(default_factory=dict)

    def add(self, node: str, scrape: Scrape) -> None:
        """Take a scrape in."""
        known = self._newer.get(node)
        if known is not None and scrape.at <= known.at:
            return
        if known is not None:
            self._older[node] = known
        self._newer[node] = scrape
        self._node_of = {pod: home for pod, home in self._node_of.items() if home != node or pod in scrape.pods}
        self._node_of.update(dict.fromkeys(scrape.pods, node))

    def forget(self, kept: set[str], before: float) -> None:
        """Drop nodes that are gone, and those not scraped since a moment."""
        for node in [node for node, scrape in self._newer.items() if node not in kept or scrape.at < before]:
            self._older.pop(node, None)
            del self._newer[node]
            self._node_of = {pod: home for pod, home in self._node_of.items() if home != node}

    @property
    def empty(self) -> bool:
        """Whether nothing was scraped yet."""
        return not self._newer

    @property
    def newest(self) -> float:
        """When a node was scraped last."""
        return max((scrape.at for scrape in self._newer.values()), default=0.0)

    def node(self, name: str) -> Usage | None:
        """Return what a node uses; None: not known yet."""
        older, newer = self._older.get(name), self._newer.get(name)
        if older is None or newer is None:
            return None
        used = _rate(older.node, newer.node, newer.at - older.at)
        return None if used is None else Usage(newer.at, newer.at - older.at, {"": used})

    def pod(self, key: PodKey) -> Usage | None:
        """Return what a pod's containers use; None when one of them is not known yet."""
        node = self._node_of.get(key, "")
        newer = self._newer.get(node)
        if newer is None or key not in newer.pods:
            return None
        older = self._older.get(node)
        found: dict[str, Used] = {}
        shortest = newer.at - older.at if older is not None else float("inf")
        for name, sample in newer.pods[key].items():
            before = older.pods.get(key, {}).get(name) if older is not None else None
            if older is not None and before is not None and before.began == sample.began:
                window = newer.at - older.at
            else:
                before, window = Sample(began=sample.began), newer.at - sample.began if sample.began else 0.0
                if window < FRESH_SECONDS:
                    return None
            used = _rate(before, sample, window)
            if used is None:
                return None
            found[name] = used
            shortest = min(shortest, window)
        return Usage(newer.at, shortest, found) if found else None


def _rate(before: Sample, after: Sample, window: float) -> Used | None:
    """Return None when the counter went back: something started anew in between."""
    if after.cpu < before.cpu or window <= 0 or after.memory <= 0:
        return None
    return Used((after.cpu - before.cpu) / window, after.memory)
