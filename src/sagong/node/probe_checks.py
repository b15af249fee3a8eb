"""One check of a container: exec, HTTP GET, TCP connect or gRPC health. Texts are upstream's and Go's."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import grpc

from sagong.api.types.core import Container, ExecAction, GRPCAction, HTTPGetAction, Pod, Probe, TCPSocketAction
from sagong.node.cri import api_pb2 as cri
from sagong.node.cri.client import CriError, Runtime
from sagong.node.decide import pod_text
from sagong.node.expansion import expand
from sagong.node.http_get import BODY_LIMIT, GetError, dial_error, get, resolve_port, target_of

_OK, _REDIRECT, _ERROR = 200, 300, 400
_HEALTH = "/grpc.health.v1.Health/Check"


class CheckError(Exception):
    """The check itself could not be made; its result is thrown away."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. `warning`: it passed, and there is something to say."""

    passed: bool
    output: str = ""
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Checker:
    """Makes checks."""

    runtime: Runtime

    async def check(self, probe: Probe, pod: Pod, container: Container, run_id: str, pod_ip: str) -> Finding:
        """Check once, within the probe's timeout. Raises CheckError."""
        limit = probe.timeoutSeconds or 1
        if probe.exec is not None:
            return await self._exec(probe.exec, container, run_id, limit)
        if probe.httpGet is not None:
            return await _http(probe.httpGet, container, pod_ip, limit)
        if probe.tcpSocket is not None:
            return await _tcp(probe.tcpSocket, container, pod_ip, limit)
        if probe.grpc is not None:
            return await _grpc(probe.grpc, pod_ip, limit)
        raise CheckError(f"missing probe handler for {pod_text(pod)}:{container.name}")

    async def _exec(self, action: ExecAction, container: Container, run_id: str, limit: int) -> Finding:
        values = {variable.name: variable.value for variable in container.env}
        command = [expand(word, values) for word in action.command]
        try:
            answer = await self.runtime.exec_sync(run_id, command, limit)
        except CriError as error:
            if error.code == "DEADLINE_EXCEEDED":
                text = f'command timed out: "{" ".join(command)}" timed out after {limit}s'
                return Finding(passed=False, output=text)
            raise CheckError(str(error)) from error
        output = (answer.stdout + answer.stderr)[:BODY_LIMIT].decode(errors="replace")
        return Finding(passed=answer.exit_code == 0, output=output)


async def _http(action: HTTPGetAction, container: Container, pod_ip: str, limit: int) -> Finding:
    try:
        target = target_of(action, container, pod_ip, "probe")
    except GetError as error:
        raise CheckError(str(error)) from error
    try:
        answer = await get(target, limit)
    except GetError as error:
        return Finding(passed=False, output=str(error))
    body = answer.body[:BODY_LIMIT].decode(errors="replace")
    if _REDIRECT <= answer.code < _ERROR:
        return Finding(passed=True, output=f"Probe terminated redirects, Response body: {body}", warning=True)
    if _OK <= answer.code < _REDIRECT:
        return Finding(passed=True, output=body)
    return Finding(passed=False, output=f"HTTP probe failed with statuscode: {answer.code}")


async def _tcp(action: TCPSocketAction, container: Container, pod_ip: str, limit: int) -> Finding:
    host = action.host or pod_ip
    try:
        port = resolve_port(action.port, container)
    except GetError as error:
        raise CheckError(str(error)) from error
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        async with asyncio.timeout(limit):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return Finding(passed=False, output=f"dial tcp {address}: i/o timeout")
    except OSError as error:
        return Finding(passed=False, output=dial_error(error, address))
    writer.transport.abort()
    return Finding(passed=True)


async def _grpc(action: GRPCAction, pod_ip: str, limit: int) -> Finding:
    address = f"[{pod_ip}]:{action.port}" if ":" in pod_ip else f"{pod_ip}:{action.port}"
    options = [("grpc.primary_user_agent", "kube-probe/1.36"), ("grpc.enable_http_proxy", 0)]
    async with grpc.aio.insecure_channel(f"dns:///{address}", options=options) as channel:
        call = channel.unary_unary(_HEALTH, cri.HealthCheckRequest.SerializeToString, cri.HealthCheckResponse.FromString)
        try:
            answer = await call(cri.HealthCheckRequest(service=action.service or ""), timeout=limit)
        except grpc.aio.AioRpcError as error:
            return Finding(passed=False, output=_grpc_failure(error, address, limit))
    if answer.status != cri.SERVING:
        return Finding(passed=False, output=f'service unhealthy (responded with "{cri.ServingStatus.Name(answer.status)}")')
    return Finding(passed=True, output="service healthy")


def _grpc_failure(error: grpc.aio.AioRpcError, address: str, limit: int) -> str:
    details = error.details() or ""
    if error.code() is grpc.StatusCode.UNIMPLEMENTED:
        return f"error: this server does not implement the grpc health protocol (grpc.health.v1.Health): {details}"
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"timeout: health rpc did not complete within {limit}s"
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return f'timeout: failed to connect service "{address}" within {limit}s: context deadline exceeded'
    return f"error: health rpc probe failed: {CriError(error.code().name, details)}"
