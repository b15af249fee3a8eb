"""What a loop makes of a server that fails: a failure that is tried again, in one line of the log."""

from __future__ import annotations

import asyncio
import logging

import pytest
from tests.virtual import loop
from tests.virtual.loop import SeededRandom, VirtualClock

from sagong.api.errors import ServiceUnavailableError
from sagong.api.types.core import ConfigMap
from sagong.client.client import Client
from sagong.client.config import ClientConfig
from sagong.client.plan import NOTHING, Plan
from sagong.controllers.declaration import Controller, Key, Watch
from sagong.controllers.runner import Informers, Loop
from sagong.controllers.view import Live


@pytest.mark.parametrize("error", [ServiceUnavailableError("not now"), ConnectionResetError("the server closed the connection")])
def test_a_question_that_fails_is_tried_again_without_a_trace(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    asked: list[Key] = []

    async def reconcile(_live: Live, key: Key) -> Plan:
        asked.append(key)
        if len(asked) == 1:
            raise error
        return NOTHING

    async def main() -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        client = Client(ClientConfig("http://server.invalid"), clock=clock, random=SeededRandom(1))
        controller = Controller(name="c", watches=(Watch(ConfigMap),), writes={}, reconcile_live=reconcile)
        part = Loop(controller, Informers(client), client)
        for _ in range(2):
            part.queue.add(Key("n", "a"))
            await part._reconcile(await part.queue.get())
            part.queue.done(Key("n", "a"))

    with caplog.at_level(logging.WARNING):
        loop.run(main())
    assert len(asked) == 2
    assert [(record.levelname, record.exc_info) for record in caplog.records] == [("WARNING", None)]
