"""Stopping a node's containers through a CRI service that cannot do everything: delete goes on, stop says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import msgspec
import pytest

from sagong.cli.operations import StartOptions
from sagong.cluster import operations
from sagong.cluster.config import ConfigError
from sagong.cluster.node import NodeConfig
from sagong.node.cri import api_pb2 as cri

EMPTY = cri.VersionResponse()
ANSWERS: dict[str, tuple[Any, Any]] = {
    "Version": (cri.VersionRequest, EMPTY),
    "ListPodSandbox": (cri.ListPodSandboxRequest, cri.ListPodSandboxResponse(items=[cri.PodSandbox(id="s")])),
    "ListContainers": (cri.ListContainersRequest, cri.ListContainersResponse(containers=[cri.Container(id="a"), cri.Container(id="b")])),
    "StopContainer": (cri.StopContainerRequest, EMPTY),
    "StopPodSandbox": (cri.PodSandboxRequest, EMPTY),
    "RemovePodSandbox": (cri.PodSandboxRequest, EMPTY),
}


@contextmanager
def runtime(node: NodeConfig, failing: str = "") -> Iterator[list[str]]:
    """Serve CRI at the node's socket, one method of which always fails; yields what is called of what changes something."""
    called: list[str] = []

    def handler(method: str) -> Callable[[Any, grpc.ServicerContext], Any]:
        def answer(_: Any, context: grpc.ServicerContext) -> Any:
            if not method.startswith(("Version", "List")):
                called.append(method)
            if method == failing:
                context.abort(grpc.StatusCode.UNKNOWN, "container is stuck")
            return ANSWERS[method][1]

        return answer

    handlers = {
        method: grpc.unary_unary_rpc_method_handler(handler(method), request.FromString, type(response).SerializeToString)
        for method, (request, response) in ANSWERS.items()
    }
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("runtime.v1.RuntimeService", handlers),))
    server.add_insecure_port(f"unix://{node.containerd_socket}")
    server.start()
    try:
        yield called
    finally:
        server.stop(None).wait()


@pytest.fixture
def node(tmp_path: Path) -> NodeConfig:
    made = operations.configure(StartOptions(str(tmp_path), node_name="n", node_ip="192.0.2.7"), None)
    return msgspec.structs.replace(made, run_dir=str(tmp_path)).all_nodes[0]


def test_containers_are_stopped_before_their_sandbox_and_removed_if_wanted(node: NodeConfig) -> None:
    with runtime(node) as called:
        assert operations._stop_containers(node, remove=False) == 2
        assert called == ["StopContainer", "StopContainer", "StopPodSandbox"]
        assert operations._stop_containers(node, remove=True) == 2
        assert called[3:] == ["StopContainer", "StopContainer", "StopPodSandbox", "RemovePodSandbox"]


@pytest.mark.parametrize("failing", ["StopContainer", "StopPodSandbox", "RemovePodSandbox"])
def test_delete_goes_on_when_the_runtime_cannot_stop_or_remove(node: NodeConfig, failing: str) -> None:
    with runtime(node, failing) as called:
        assert operations._stop_containers(node, remove=True) == 0
    assert called[-1] == failing


@pytest.mark.parametrize("failing", ["StopContainer", "StopPodSandbox"])
def test_stop_says_what_the_runtime_cannot_stop(node: NodeConfig, failing: str) -> None:
    expected = r"^containerd cannot stop everything \(container is stuck\); `sagong delete` removes the cluster all the same$"
    with runtime(node, failing), pytest.raises(ConfigError, match=expected):
        operations._stop_containers(node, remove=False)
