"""Scheduling with extenders: what plugins decide is put before web services, step by step.

Meanwhile the world may not change under an attempt: `Hold` keeps changes back until it is over.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sagong.scheduler.candidates import Candidate, best_candidate
from sagong.scheduler.columns import Ints
from sagong.scheduler.cycle import Attempt, Cycle, Placement
from sagong.scheduler.events import ANY, on
from sagong.scheduler.extenders import MOST, Extender, ExtenderError
from sagong.scheduler.framework import MAX_SCORE, NoFit, Nomination, PluginError, Unfit
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.snapshot import Snapshot
from sagong.scheduler.verdicts import Verdicts

log = logging.getLogger(__name__)
NAME = "Extender"
_LAST = 1 << 14
"""The rank of extenders among filters."""

EVENTS = on(
    **dict.fromkeys(
        (
            *("Pod", "Node", "Namespace", "PersistentVolume", "PersistentVolumeClaim", "StorageClass", "VolumeAttachment"),
            *("CSINode", "CSIDriver", "CSIStorageCapacity", "ResourceClaim", "DeviceClass", "ResourceSlice"),
        ),
        ANY,
    )
)
"""A pod that an extender rejected is tried again after any change: nobody knows what the extender waits for."""


class Extenders:
    """All extenders, those that may fail last."""

    def __init__(self, extenders: Sequence[Extender] = ()) -> None:
        self._all = sorted(extenders, key=lambda extender: extender.ignorable)

    def __bool__(self) -> bool:
        return bool(self._all)

    async def schedule(self, cycle: Cycle, pod: PodInfo, snapshot: Snapshot) -> Placement | NoFit:
        """Choose a node. Raises PluginError."""
        attempt = cycle.begin(pod, snapshot)
        if attempt.over:
            return attempt.nofit
        feasible = cycle.nominated(attempt)
        if feasible is not None:
            try:
                feasible = await self._filter(attempt, feasible, None)
            except PluginError as error:
                log.warning("nominated node of %s/%s: %s", pod.namespace, pod.name, error)
                feasible = None
        if feasible is None or not len(feasible):
            found, verdicts = cycle.search(attempt)
            feasible = await self._filter(attempt, found, verdicts)
            if len(feasible) != len(found):
                attempt.nofit.narrowed_by |= {NAME}
            if not len(feasible):
                attempt.nofit.refusals = attempt.refusals(verdicts)
                return attempt.nofit
        ratings = await self._rate(attempt, feasible) if len(feasible) > 1 else 0
        return cycle.choose(attempt, feasible, ratings)

    async def preempt(self, pod: PodInfo, snapshot: Snapshot, found: Nomination) -> Nomination:
        """Ask what remains of the candidates for preemption, and choose among those."""
        candidates: Sequence[Candidate] = found.choices
        for extender in self._all:
            if not candidates or not extender.preempts or not extender.is_interested(pod):
                continue
            try:
                candidates = await extender.preempt(pod, candidates, snapshot)
            except ExtenderError as error:
                if not extender.ignorable:
                    return Nomination(None, message=f"preemption: {error}")
                log.info("skipping extender %s: %s", extender.url, error)
        if candidates is found.choices:
            return found
        if not candidates:
            return Nomination(None, message="preemption: no candidate node for preemption")
        best = best_candidate(candidates)
        return Nomination(best.node, best.victims)

    async def bind(self, pod: PodInfo, node: str) -> bool:
        """Let the extender bind that does it for this pod; return False if none has done it. Raises PluginError."""
        for extender in self._all:
            if not extender.binds or not extender.is_interested(pod):
                continue
            try:
                await extender.bind(pod, node)
            except ExtenderError as error:
                if not extender.ignorable:
                    raise PluginError(str(error)) from error
                log.info("skipping extender %s: %s", extender.url, error)
                continue
            return True
        return False

    async def _filter(self, attempt: Attempt, feasible: Ints, verdicts: Verdicts | None) -> Ints:
        """Ask one after the other about what the ones before left; reasons go to the verdicts."""
        infos = attempt.snapshot.table.infos
        nodes = [node for row in feasible.tolist() if (node := infos[row]) is not None]
        places = {int(row): place for place, row in enumerate(attempt.nodes.numbers.tolist())}
        for extender in self._all:
            if not nodes or not extender.filters or not extender.is_interested(attempt.pod):
                continue
            try:
                left, said = await extender.filter(attempt.pod, nodes)
            except ExtenderError as error:
                if not extender.ignorable:
                    raise PluginError(str(error)) from error
                log.info("skipping extender %s: %s", extender.url, error)
                continue
            if verdicts is not None:
                for node in nodes:
                    unfit = _refusal(said.failednodes, said.failedandunresolvablenodes, node.name)
                    if unfit is not None:
                        verdicts.set(places[node.row], _LAST, unfit)
            nodes = left
        return np.array([node.row for node in nodes], np.int64)

    async def _rate(self, attempt: Attempt, feasible: Ints) -> Ints:
        """Ask all at once; who cannot answer has nothing to say."""
        infos = attempt.snapshot.table.infos
        nodes = [node for row in feasible.tolist() if (node := infos[row]) is not None]
        totals = np.zeros(len(nodes), np.int64)

        async def ask(extender: Extender) -> None:
            try:
                ratings = await extender.rate(attempt.pod, nodes)
            except ExtenderError as error:
                log.info("no ratings from extender %s: %s", extender.url, error)
                return
            totals[:] += [ratings.get(node.name, 0) * (MAX_SCORE // MOST) for node in nodes]

        async with asyncio.TaskGroup() as asking:
            for extender in self._all:
                if extender.rates and extender.is_interested(attempt.pod):
                    asking.create_task(ask(extender))
        return totals


def _refusal(failed: Mapping[str, str], unresolvable: Mapping[str, str], node: str) -> Unfit | None:
    if node in unresolvable:
        return Unfit(NAME, (unresolvable[node],), resolvable=False)
    return Unfit(NAME, (failed[node],)) if node in failed else None


class Hold:
    """Keeps changes back while it is entered, and lets them in afterwards, in their order."""

    def __init__(self) -> None:
        self._kept: list[Callable[[], object]] | None = None

    def over(self, handler: Callable[..., object]) -> Callable[..., None]:
        """Return a handler that keeps its calls back."""

        def handle(*arguments: Any) -> None:
            if self._kept is None:
                handler(*arguments)
            else:
                self._kept.append(functools.partial(handler, *arguments))

        return handle

    def __enter__(self) -> None:
        self._kept = []

    def __exit__(self, *_: object) -> None:
        kept, self._kept = self._kept or [], None
        for call in kept:
            call()
