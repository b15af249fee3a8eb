"""Checks of ports that really listen, and commands that a runtime would run."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from tests.node.observed import pod

from sagong.api.types.core import Container, EnvVar, ExecAction, GRPCAction, HTTPGetAction, Probe, TCPSocketAction
from sagong.node.cri import api_pb2 as cri
from sagong.node.cri.client import CriError
from sagong.node.probe_checks import Checker, CheckError, Finding

OF = pod("containers: [{name: c}]")


class Runtime:
    """Runs nothing, and says what came of it."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.answer: cri.ExecSyncResponse | CriError = cri.ExecSyncResponse()

    async def exec_sync(self, container: str, command: list[str], timeout_seconds: int) -> cri.ExecSyncResponse:
        self.commands.append(command)
        if isinstance(self.answer, CriError):
            raise self.answer
        return self.answer


async def check(probe: Probe, runtime: Runtime | None = None, container: Container | None = None) -> Finding:
    checker = Checker(runtime or Runtime())  # type: ignore[arg-type]  # the one call that is made
    return await checker.check(probe, OF, container or Container(name="c"), "id", "127.0.0.1")


async def test_commands() -> None:
    runtime = Runtime()
    probe = Probe(exec=ExecAction(command=["cat", "$(FILE)", "$$(FILE)", "$(NONE)"]), timeoutSeconds=3)
    container = Container(name="c", env=[EnvVar(name="FILE", value="/tmp/a")])
    assert (await check(probe, runtime, container)).passed
    assert runtime.commands == [["cat", "/tmp/a", "$(FILE)", "$(NONE)"]]
    runtime.answer = cri.ExecSyncResponse(exit_code=1, stdout=b"out ", stderr=b"err")
    assert await check(probe, runtime, container) == Finding(passed=False, output="out err")
    runtime.answer = CriError("DEADLINE_EXCEEDED", "too long")
    assert (await check(probe, runtime, container)).output.endswith("timed out after 3s")
    runtime.answer = CriError("UNKNOWN", "no such container")
    with pytest.raises(CheckError, match="no such container"):
        await check(probe, runtime, container)


async def test_tcp() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    probe = Probe(tcpSocket=TCPSocketAction(port=port))
    assert (await check(probe)).passed
    await asyncio.sleep(0.02)
    server.close()
    await server.wait_closed()
    assert await check(probe) == Finding(passed=False, output=f"dial tcp 127.0.0.1:{port}: connect: connection refused")


async def test_grpc_health() -> None:
    states = {"": cri.SERVING, "down": cri.NOT_SERVING}

    async def answer(request: cri.HealthCheckRequest, _: object) -> cri.HealthCheckResponse:
        return cri.HealthCheckResponse(status=states[request.service])

    handler = grpc.unary_unary_rpc_method_handler(answer, cri.HealthCheckRequest.FromString, cri.HealthCheckResponse.SerializeToString)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        assert await check(Probe(grpc=GRPCAction(port=port))) == Finding(passed=True, output="service healthy")
        down = await check(Probe(grpc=GRPCAction(port=port, service="down")))
        assert down == Finding(passed=False, output='service unhealthy (responded with "NOT_SERVING")')
    finally:
        await server.stop(None)
    away = await check(Probe(grpc=GRPCAction(port=port), timeoutSeconds=1))
    assert away.output == f'timeout: failed to connect service "127.0.0.1:{port}" within 1s: context deadline exceeded'


async def test_what_names_no_port_decides_nothing() -> None:
    for probe in (Probe(httpGet=HTTPGetAction(port="absent")), Probe(tcpSocket=TCPSocketAction(port="absent")), Probe()):
        with pytest.raises(CheckError):
            await check(probe)
