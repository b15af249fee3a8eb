"""Waiting for a server that starts at the same time: often at first, and no longer than until it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sagong.api.errors import ApiError, ForbiddenError
from sagong.client.client import Client
from sagong.client.config import ClientConfig
from sagong.client.transport import Request, Response
from sagong.cluster.clock import RealRandom


class JumpingClock:
    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Answers:
    def __init__(self, *answers: Exception | None) -> None:
        self._answers: Iterator[Exception | None] = iter(answers)

    async def request(self, request: Request, time_limit: float) -> Response:
        del time_limit
        assert (request.method, request.path) == ("GET", "/readyz")
        answer = next(self._answers)
        if answer is not None:
            raise answer
        return Response(200, {}, b"ok")


def pauses(*answers: Exception | None) -> list[float]:
    clock = JumpingClock()
    transport: Any = Answers(*answers)
    asyncio.run(Client(ClientConfig("https://localhost"), clock=clock, random=RealRandom(), transport=transport).wait_ready())
    return clock.slept


def test_returns_at_once_when_the_server_is_ready() -> None:
    assert pauses(None) == []


def test_waits_while_there_is_none_and_while_it_is_not_ready() -> None:
    slept = pauses(ConnectionRefusedError(), ConnectionRefusedError(), ApiError("[-]poststarthook/bootstrap failed"), None)
    assert len(slept) == 3
    assert sum(slept) < 0.2


def test_asks_several_times_a_second_for_long_and_then_every_second() -> None:
    slept = pauses(*(ConnectionRefusedError() for _ in range(100)), None)
    assert slept[:30] == sorted(slept[:30])
    assert max(slept[:30]) < 0.25
    assert slept[-1] == 1.0


def test_takes_any_answer_of_a_server_that_is_up() -> None:
    assert pauses(ForbiddenError("no"), None) == []
