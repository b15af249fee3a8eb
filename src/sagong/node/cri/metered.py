"""Counts and times the calls of the runtime, in the one place that all of them pass."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import TypeVar

from google.protobuf.message import Message

from sagong.api.clock import Clock
from sagong.node.cri import api_pb2 as cri
from sagong.node.cri.client import Call, CriError
from sagong.node.meter import KubeletMeter

R = TypeVar("R", bound=Message)
_CRI = "/runtime.v1."
_NAMES = {
    "RunPodSandbox": "run_podsandbox",
    "StopPodSandbox": "stop_podsandbox",
    "RemovePodSandbox": "remove_podsandbox",
    "PodSandboxStatus": "podsandbox_status",
    "ListPodSandbox": "list_podsandbox",
    "UpdateContainerResources": "update_container",
}


class Metered:
    """Implements client.Call over another."""

    def __init__(self, call: Call, meter: KubeletMeter, clock: Clock) -> None:
        self._call, self._meter, self._clock = call, meter, clock
        self._labels: dict[str, tuple[str]] = {}

    async def unary(
        self,
        path: str,
        request: Message,
        answer: type[R],
        timeout: float | None,  # noqa: ASYNC109 - gRPC's own deadline
        metadata: tuple[tuple[str, str], ...] = (),
    ) -> R:
        """Call. Raises CriError."""
        if not path.startswith(_CRI):
            return await self._call.unary(path, request, answer, timeout, metadata)
        meter, began = self._meter, self._clock.monotonic()
        labels = self._labels.setdefault(path, (_operation(path),))
        own_users = False
        sandbox = (request.runtime_handler,) if isinstance(request, cri.RunPodSandboxRequest) else None
        meter.operations.add(labels)
        if sandbox:
            meter.started_pods.add()
            if own_users := _has_own_users(request):
                meter.started_user_pods.add()
        try:
            return await self._call.unary(path, request, answer, timeout, metadata)
        except CriError:
            meter.operation_errors.add(labels)
            if sandbox:
                meter.sandbox_errors.add(sandbox)
                meter.started_pod_errors.add()
                meter.started_user_pod_errors.add(value=own_users)
            raise
        finally:
            took = self._clock.monotonic() - began
            meter.operation_seconds.observe(took, labels)
            if sandbox:
                meter.sandbox_seconds.observe(took, sandbox)

    def stream(self, path: str, request: Message, answer: type[R], metadata: tuple[tuple[str, str], ...] = ()) -> AsyncIterator[R]:
        """Subscribe. Raises CriError."""
        return self._call.stream(path, request, answer, metadata)


def _has_own_users(request: Message) -> bool:
    """Tell whether a new sandbox is to have a user namespace of its own."""
    assert isinstance(request, cri.RunPodSandboxRequest)
    options = request.config.linux.security_context.namespace_options
    return options.HasField("userns_options") and options.userns_options.mode == cri.POD


def _operation(path: str) -> str:
    name = path.rpartition("/")[2]
    return _NAMES.get(name, re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())
