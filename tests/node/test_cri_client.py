"""Calls that make or remove something are waited for to their end; others end with whoever waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from sagong.node.cri import api_pb2 as cri
from sagong.node.cri.client import CriError, Runtime

Ask = Callable[[Runtime], Coroutine[Any, Any, Any]]

SANDBOX, CONTAINER = cri.PodSandboxConfig(), cri.ContainerConfig()
CHANGES: dict[str, Ask] = {
    "RunPodSandbox": lambda runtime: runtime.run_sandbox(SANDBOX),
    "StopPodSandbox": lambda runtime: runtime.stop_sandbox("s"),
    "RemovePodSandbox": lambda runtime: runtime.remove_sandbox("s"),
    "CreateContainer": lambda runtime: runtime.create_container("s", CONTAINER, SANDBOX),
    "StartContainer": lambda runtime: runtime.start_container("c"),
    "RemoveContainer": lambda runtime: runtime.remove_container("c"),
}
OTHERS: dict[str, Ask] = {
    "StopContainer": lambda runtime: runtime.stop_container("c", 30),
    "PullImage": lambda runtime: runtime.pull_image("i", None, SANDBOX),
    "ListContainers": lambda runtime: runtime.list_containers(),
}


class SlowRuntime:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.left: list[str] = []
        self.answer = asyncio.Event()
        self.failure: CriError | None = None

    async def unary(self, path: str, request: object, answer: type, timeout: float | None, metadata: object = ()) -> object:  # noqa: ASYNC109 - gRPC's own deadline
        del request, timeout, metadata
        method = path.rpartition("/")[2]
        self.asked.append(method)
        try:
            await self.answer.wait()
        except asyncio.CancelledError:
            self.left.append(method)
            raise
        if self.failure:
            raise self.failure
        return answer()


async def soon(true: Callable[[], bool]) -> None:
    for _ in range(20):
        if true():
            return
        await asyncio.sleep(0)
    assert true()


@pytest.mark.parametrize("failure", [None, CriError("UNKNOWN", "no")], ids=["answered", "refused"])
@pytest.mark.parametrize("method", CHANGES)
async def test_a_change_is_waited_for_by_one_who_is_cancelled(method: str, failure: CriError | None) -> None:
    slow = SlowRuntime()
    slow.failure = failure
    asking = asyncio.create_task(CHANGES[method](Runtime(slow)))  # type: ignore[arg-type] # generic over answers, which this is not
    await soon(lambda: slow.asked == [method])
    for _ in range(2):
        asking.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        assert not asking.done()
    slow.answer.set()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert slow.left == []


@pytest.mark.parametrize("method", CHANGES)
async def test_a_change_has_its_answer_or_its_error(method: str) -> None:
    slow = SlowRuntime()
    slow.answer.set()
    await CHANGES[method](Runtime(slow))  # type: ignore[arg-type] # generic over answers, which this is not
    slow.failure = CriError("UNKNOWN", "no")
    with pytest.raises(CriError, match="no"):
        await CHANGES[method](Runtime(slow))  # type: ignore[arg-type] # generic over answers, which this is not


@pytest.mark.parametrize("method", OTHERS)
async def test_other_calls_end_with_who_waits(method: str) -> None:
    slow = SlowRuntime()
    asking = asyncio.create_task(OTHERS[method](Runtime(slow)))  # type: ignore[arg-type] # generic over answers, which this is not
    await soon(lambda: slow.asked == [method])
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert slow.left == [method]
