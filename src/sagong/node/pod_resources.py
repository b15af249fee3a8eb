"""The kubelet's service for monitoring agents on the node: which containers there are, and what of the node is theirs alone.

gRPC on <root>/pod-resources/kubelet.sock, as upstream's k8s.io/kubelet/pkg/apis/podresources/v1.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message

from sagong.api.pods import is_sidecar
from sagong.api.types.core import Pod
from sagong.node.cri import api_pb2 as cri
from sagong.node.meters.agents import AgentMeter

log = logging.getLogger(__name__)
_SERVICE = "v1.PodResourcesLister"


@dataclass(frozen=True)
class PodResources:
    """Serves one node."""

    socket: Path
    pods: Callable[[], Sequence[Pod]]
    """pods that use the node"""
    meter: AgentMeter

    async def run(self) -> None:
        """Serve until cancelled. Without a socket (its path may be too long) the node goes on without agents."""
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, self._methods()),))
        try:
            self.socket.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            self.socket.unlink(missing_ok=True)
            server.add_insecure_port(f"unix:{self.socket}")
        except (OSError, RuntimeError) as error:
            log.warning("%s does not serve: %s", self.socket, error)
            return
        await server.start()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await server.stop(None)
            self.socket.unlink(missing_ok=True)

    def _methods(self) -> dict[str, Any]:
        return {
            "List": self._method("List", self._list, cri.Nothing),
            "Get": self._method("Get", self._get, cri.GetPodResourcesRequest),
            "GetAllocatableResources": self._method("GetAllocatableResources", self._allocatable, cri.Nothing),
        }

    def _method(self, name: str, serve: Callable[[Any, Any], Awaitable[Message]], request: type[Message]) -> Any:
        async def counted(asked: Any, context: Any) -> Message:
            self.meter.called(name)
            try:
                return await serve(asked, context)
            except Exception:
                self.meter.failed(name)
                raise

        return grpc.unary_unary_rpc_method_handler(counted, request.FromString, lambda answer: answer.SerializeToString())

    async def _list(self, request: cri.Nothing, context: Any) -> cri.ListPodResourcesResponse:
        del request, context
        return cri.ListPodResourcesResponse(pod_resources=[assignments(pod) for pod in self.pods()])

    async def _get(self, request: cri.GetPodResourcesRequest, context: Any) -> cri.GetPodResourcesResponse:
        wanted = (request.pod_namespace, request.pod_name)
        found = next((pod for pod in self.pods() if (pod.metadata.namespace, pod.metadata.name) == wanted), None)
        if found is None:
            await context.abort(grpc.StatusCode.UNKNOWN, f"pod {request.pod_name} in namespace {request.pod_namespace} not found")
            raise AssertionError("abort raises")
        return cri.GetPodResourcesResponse(pod_resources=assignments(found))

    async def _allocatable(self, request: cri.Nothing, context: Any) -> cri.AllocatableResourcesResponse:
        del request, context
        return cri.AllocatableResourcesResponse()


def assignments(pod: Pod) -> cri.PodAssignments:
    """Return what is told of a pod: its sidecars and containers."""
    lasting = [*filter(is_sidecar, pod.spec.initContainers), *pod.spec.containers]
    return cri.PodAssignments(
        name=pod.metadata.name,
        namespace=pod.metadata.namespace,
        containers=[cri.ContainerAssignments(name=container.name) for container in lasting],
    )
