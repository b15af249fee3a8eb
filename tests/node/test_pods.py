"""Whose pods count when another one wants to be let in, and in which order a new kubelet meets those that are there."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tests.network.api import api, background
from tests.node.builders import HandClock, pod

from sagong.api.types.core import Container, Node, Pod, PodSpec, ServiceAccount
from sagong.api.types.meta import ObjectMeta
from sagong.node.admission import Rejection, admit
from sagong.node.allocations import Allocations
from sagong.node.api_side import ApiSide
from sagong.node.lifecycle import State
from sagong.node.pods import Pods
from sagong.node.workers import Machinery

CAPACITY = {"cpu": "2", "memory": "4Gi", "pods": "110"}


class Here:
    """A node of two CPUs whose workers do not run."""

    def __init__(self) -> None:
        self.rejections: dict[str, str] = {}
        self.gone: list[str] = []
        self.restarted: list[bool] = []
        self.clock = HandClock()
        self.pods = Pods(self._admit, lambda pod: self.gone.append(pod.metadata.name))
        ignore = SimpleNamespace(pod=lambda *_: None, reconcile=lambda _: None, forget=lambda _: None)
        parts = SimpleNamespace(
            allocations=Allocations(None),
            events=ignore,
            statuses=ignore,
            prober=ignore,
            clock=self.clock,
            restarted=self.restarted.append,
        )
        self.pods.use(cast("Machinery", parts))

    def _admit(self, wanted: Pod, others: list[Pod]) -> Rejection | None:
        found = admit(wanted, others, CAPACITY, Node(metadata=ObjectMeta(name="n")))
        if found:
            self.rejections[wanted.metadata.name] = found.reason
        return found


def asking(name: str, cpu: str, **status: Any) -> Pod:
    made = pod(f"containers: [{{name: c, resources: {{requests: {{cpu: '{cpu}'}}}}}}]")
    made.metadata.name, made.metadata.uid = name, f"uid-{name}"
    for key, value in status.items():
        setattr(made.status, key, value)
    return made


def test_a_pod_that_ends_still_counts_while_the_api_has_it() -> None:
    here, first = Here(), asking("first", "1500m")
    here.pods.api_changed(None, first)
    leaving = first.copy()
    leaving.metadata = first.metadata.copy()
    leaving.metadata.deletionTimestamp = "2026-01-02T03:04:05Z"
    here.pods.api_changed(first, leaving)
    here.pods.api_changed(None, asking("second", "1"))
    assert here.rejections == {"second": "OutOfcpu"}


def test_a_pod_that_the_api_has_dropped_does_not_count_though_it_still_ends() -> None:
    """The scheduler has given its place away as soon as it was deleted by force."""
    here, first = Here(), asking("first", "1500m")
    here.pods.api_changed(None, first)
    here.pods.api_changed(first, None)
    assert here.pods.known("uid-first")
    here.pods.api_changed(None, asking("second", "1500m"))
    assert here.rejections == {}


def test_a_static_pod_that_comes_back_unchanged_while_it_ends_begins_anew() -> None:
    here, static = Here(), asking("static", "1")
    static.metadata.annotations["kubernetes.io/config.source"] = "file"
    uid = static.metadata.uid
    here.pods.static_changed({uid: static})
    first = here.pods.worker(uid)
    assert first is not None
    here.pods.static_changed({})
    here.pods.static_changed({uid: static})
    assert (here.pods.worker(uid), first.state) == (first, State.TERMINATING)
    first.state = State.FINISHED
    here.pods.finished(uid)
    assert (here.pods.worker(uid), here.gone, here.restarted) == (None, ["static"], [])
    here.pods.left(uid)
    second = here.pods.worker(uid)
    assert second is not None
    assert (second.state, here.restarted) == (State.SYNC, [True])


async def test_a_new_kubelet_meets_the_pods_that_were_let_in_before_the_others(tmp_path: Path) -> None:
    """Otherwise it would let a new pod in beside pods that it does not know yet, and then refuse none of them."""
    seen: list[str] = []
    ready = asyncio.Event()

    def changed(old: Pod | None, new: Pod | None) -> None:
        if old is None and new is not None and new.metadata.name not in seen:
            seen.append(new.metadata.name)

    async with api(tmp_path) as client:
        await client.create(ServiceAccount(metadata=ObjectMeta(name="default", namespace="default")))
        for name in "abcd":
            spec = PodSpec(nodeName="n", containers=[Container(name="c", image="i")])
            await client.create(Pod(metadata=ObjectMeta(name=name, namespace="default"), spec=spec))
        for name, since in (("b", "2026-01-02T03:04:07Z"), ("c", "2026-01-02T03:04:05Z")):
            await client.patch(Pod, name, "default", {"status": {"startTime": since}}, patch_type="merge", subresource="status")
        side = ApiSide(client, "n")
        async with background(together(*side.tasks(), side.follow_pods(changed, ready.set))), asyncio.timeout(10):
            await ready.wait()
    assert seen == ["c", "b", "a", "d"]


async def together(*work: Coroutine[Any, Any, None]) -> None:
    async with asyncio.TaskGroup() as group:
        for one in work:
            group.create_task(one)
