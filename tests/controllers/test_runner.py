"""What a loop makes of a server that fails: a failure that is tried again, in one line of the log."""

from __future__ import annotations

import asyncio
import logging

import msgspec
import pytest
from tests.client.scripted import ScriptedServer
from tests.virtual import loop
from tests.virtual.loop import SeededRandom, VirtualClock

from sagong.api.errors import ServiceUnavailableError
from sagong.api.types.core import ConfigMap
from sagong.api.types.meta import ObjectMeta
from sagong.client.client import Client
from sagong.client.config import ClientConfig
from sagong.client.plan import NOTHING, Create, Plan
from sagong.client.transport import Request, Response
from sagong.controllers.declaration import Controller, Key, Watch, writes
from sagong.controllers.runner import Informers, Loop
from sagong.controllers.view import Live, View


class Late(ScriptedServer):
    """What is created is stored at once, and told to watchers later."""

    def __init__(self, clock: VirtualClock, late: float) -> None:
        super().__init__(clock)
        self.late, self.made = late, 0

    async def _exchange(self, request: Request, time_limit: float) -> Response:
        if request.method != "POST":
            return await super()._exchange(request, time_limit)
        self.made += 1
        asyncio.get_running_loop().call_later(self.late, self.put, "b", "1")
        meta = {"name": "b", "namespace": "n", "uid": "b", "resourceVersion": str(self.revision + 1)}
        return Response(201, {}, msgspec.json.encode({"kind": "ConfigMap", "apiVersion": "v1", "metadata": meta}))


@pytest.mark.parametrize("late", [1.0, 60.0, 240.0])
def test_a_loop_does_not_look_again_before_it_sees_its_own_writes(late: float) -> None:
    def reconcile(view: View, _key: Key) -> Plan:
        if view.get(ConfigMap, "n", "b") is not None:
            return NOTHING
        return Plan((Create(ConfigMap(metadata=ObjectMeta(name="b", namespace="n"))),), requeue_after=5)

    async def main() -> int:
        clock = VirtualClock(asyncio.get_running_loop())
        server = Late(clock, late)
        server.put("a", "1")
        client = Client(server.config, clock=clock, random=SeededRandom(1), transport=server)
        controller = Controller(name="c", watches=(Watch(ConfigMap),), writes=writes(("create", ConfigMap)), reconcile=reconcile)
        informers = Informers(client)
        part = Loop(controller, informers, client)
        part.attach()
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(informers.run()), tasks.create_task(part.run())]
            await clock.sleep(400)
            for task in running:
                task.cancel()
        return server.made

    assert loop.run(main()) == 1


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
