"""Hooks that fall back or are cut short, shutdowns, and what else ends early."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.node.builders import HandClock, pod
from tests.node.meters.page import read
from tests.node.test_images import Told

from sagong.api.types.core import Container, Pod
from sagong.cluster.clock import RealClock
from sagong.node.events import PodEvents
from sagong.node.hooks import HookError, Hooks
from sagong.node.meter import KubeletMeter
from sagong.node.shutdown.manager import Shutdown
from sagong.node.shutdown.order import Period
from sagong.node.shutdown.record import ShutdownRecord

TABLE = {
    "lifecycle_handler_http_fallbacks_total": ("counter", set[str]()),
    "sleep_action_terminated_early_total": ("counter", set[str]()),
    "graceful_shutdown_start_time_seconds": ("gauge", set[str]()),
    "graceful_shutdown_end_time_seconds": ("gauge", set[str]()),
}


def hooks(meter: KubeletMeter, told: Told) -> Hooks:
    runtime: Any = None
    return Hooks(runtime, RealClock(), PodEvents(told), meter.endings)


def hooked(handler: str) -> tuple[Pod, Container]:
    of = pod(f"containers: [{{name: c, lifecycle: {{preStop: {handler}}}}}]")
    return of, of.spec.containers[0]


async def test_a_hook_by_https_falls_back_to_http_without_its_credentials() -> None:
    meter, told, asked = KubeletMeter(HandClock()), Told(), list[bytes]()

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(4096))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        headers = "[{name: Authorization, value: secret}, {name: X, value: '1'}]"
        of, container = hooked(f"{{httpGet: {{scheme: HTTPS, port: {port}, host: 127.0.0.1, httpHeaders: {headers}}}}}")
        assert await hooks(meter, told).before_stop(of, container, "r", "", 10) == (10, None)
    assert b"X: 1" in asked[-1]
    assert b"secret" not in asked[-1]
    assert told.events == [
        ("LifecycleHTTPFallback", f"request to HTTPS lifecycle hook 127.0.0.1:{port} got HTTP response, retry with HTTP succeeded")
    ]
    assert read(meter, TABLE)["lifecycle_handler_http_fallbacks_total"] == 1


async def test_a_hook_that_no_server_answers_falls_back_to_nothing() -> None:
    meter, told = KubeletMeter(HandClock()), Told()
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        of, container = hooked(f"{{httpGet: {{scheme: HTTPS, port: {port}, host: 127.0.0.1}}}}")
        _, error = await hooks(meter, told).before_stop(of, container, "r", "", 10)
    assert isinstance(error, HookError)
    assert (told.events, read(meter, TABLE)["lifecycle_handler_http_fallbacks_total"]) == ([], 0)


@pytest.mark.parametrize(("seconds", "early"), [(0, 0), (100, 1)])
async def test_a_sleep_that_the_grace_period_ends_is_counted(seconds: int, early: int) -> None:
    meter = KubeletMeter(HandClock())
    of, container = hooked(f"{{sleep: {{seconds: {seconds}}}}}")
    await hooks(meter, Told()).before_stop(of, container, "r", "", 0 if early else 5)
    assert read(meter, TABLE)["sleep_action_terminated_early_total"] == early


async def test_a_shutdown_is_dated_and_the_next_kubelet_knows_it(tmp_path: Path) -> None:
    clock = HandClock()
    meter, record = KubeletMeter(clock), ShutdownRecord(tmp_path)
    began = clock.now()
    states: list[tuple[float, float]] = []

    def told(start: Any, end: Any) -> None:
        record.write(start, end)
        meter.endings.shutdown(start.timestamp(), end.timestamp() if end else 0)
        samples = read(meter, TABLE)
        states.append((samples["graceful_shutdown_start_time_seconds"], samples["graceful_shutdown_end_time_seconds"]))

    of = pod("containers: [{name: c}]")
    over: list[str] = []

    def end(wanted: Pod, _: int) -> None:
        clock.move(4)
        over.append(wanted.metadata.uid)

    shutdown = Shutdown([Period(0, 9)], lambda: [of], end, over.__contains__, clock, told=told)
    assert record.read() == (None, None)
    await shutdown.begin()
    start = int(began.timestamp())
    assert states == [(start, 0), (start, start + 4)]
    assert ShutdownRecord(tmp_path).read() == (began, began + timedelta(seconds=4))
    (tmp_path / "graceful_node_shutdown_state").write_text("what")
    assert record.read() == (None, None)
