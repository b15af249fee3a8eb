"""Stopping and removing a node's containers from outside the kubelet: for `sagong stop` and `sagong delete`.

Plain CRI calls over the runtime's socket, many at once, since each waits for processes to end.
"""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self, TypeVar

import grpc

from sagong.cluster.config import ConfigError
from sagong.node.cri import api_pb2 as cri

T = TypeVar("T")

_WORKERS = 32
_TRIES, _PAUSE = 200, 0.05


class RuntimeFailure(Exception):  # noqa: N818 - the runtime's own message
    """The runtime could not do what was asked."""


class Runtime:
    """A blocking CRI client of the few calls that stop and delete need. A context manager."""

    def __init__(self, socket: Path) -> None:
        self._channel = grpc.insecure_channel(f"unix://{socket}")

    def __enter__(self) -> Self:
        """Wait until the CRI service, which comes up a little after its socket, answers. Raises ConfigError."""
        for _ in range(_TRIES):
            try:
                self._call("Version", cri.VersionRequest(), None)
                self._call("ListPodSandbox", cri.ListPodSandboxRequest(), None)
            except grpc.RpcError:
                time.sleep(_PAUSE)
            else:
                return self
        raise ConfigError("containerd's CRI service does not answer; see the log of containerd with `sagong logs containerd`")

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def stop_all(self, grace: int) -> int:
        """Stop every running container, `grace` seconds each before it is killed, then every sandbox; return how many containers."""
        running = cri.ContainerFilter(state=cri.ContainerStateValue(state=cri.CONTAINER_RUNNING))
        containers = self._call("ListContainers", cri.ListContainersRequest(filter=running), cri.ListContainersResponse).containers
        _each(
            lambda c: self._call("StopContainer", cri.StopContainerRequest(container_id=c.id, timeout=grace), None, grace + 30),
            containers,
        )
        _each(
            lambda s: self._call("StopPodSandbox", cri.PodSandboxRequest(pod_sandbox_id=s.id), None, 60),
            self._sandboxes(),
        )
        return len(containers)

    def remove_all(self) -> None:
        """Remove every sandbox with its containers, running or not."""
        _each(
            lambda s: self._call("RemovePodSandbox", cri.PodSandboxRequest(pod_sandbox_id=s.id), None, 60),
            self._sandboxes(),
        )

    def images(self) -> Iterable[cri.Image]:
        """List the node's images."""
        response = self._call("ListImages", cri.ListImagesRequest(), cri.ListImagesResponse, service="ImageService")
        found: Iterable[cri.Image] = response.images
        return found

    def version(self) -> str:
        """Return the runtime's name and version."""
        answer = self._call("Version", cri.VersionRequest(), cri.VersionResponse)
        return f"{answer.runtime_name} {answer.runtime_version}"

    def _sandboxes(self) -> Iterable[cri.PodSandbox]:
        response = self._call("ListPodSandbox", cri.ListPodSandboxRequest(), cri.ListPodSandboxResponse)
        found: Iterable[cri.PodSandbox] = response.items
        return found

    def _call(self, method: str, request: Any, response: type[Any] | None, timeout: float = 10.0, service: str = "RuntimeService") -> Any:
        path = f"/runtime.v1.{service}/{method}"
        decode = None if response is None else response.FromString
        call = self._channel.unary_unary(path, request_serializer=type(request).SerializeToString, response_deserializer=decode)
        return call(request, timeout=timeout, wait_for_ready=True)


def _each(action: Callable[[T], Any], items: Iterable[T]) -> None:
    with concurrent.futures.ThreadPoolExecutor(_WORKERS) as pool:
        failures = [f for f in [pool.submit(action, item) for item in items] if f.exception() is not None]
    error = failures[0].exception() if failures else None
    if isinstance(error, grpc.RpcError):
        raise RuntimeFailure(error.details() if isinstance(error, grpc.Call) else str(error)) from error
    if error is not None:
        raise error
