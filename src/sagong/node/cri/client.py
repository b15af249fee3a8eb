"""CRI v1 over gRPC: one method for each call, by its path, without generated stubs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import grpc
from google.protobuf.message import Message

from sagong.node.cri import api_pb2 as cri

R = TypeVar("R", bound=Message)

CALL_TIMEOUT = 120.0
"""Upstream's runtimeRequestTimeout; pulls and stops have their own."""

_MAX_MESSAGE = 16 * 1024 * 1024
_RUNTIME = "/runtime.v1.RuntimeService/"
_IMAGE = "/runtime.v1.ImageService/"
_SNAPSHOTS = "/containerd.services.snapshots.v1.Snapshots/"
_LEASES = "/containerd.services.leases.v1.Leases/"
_CONTAINERS = "/containerd.services.containers.v1.Containers/"
_EVENTS = "/containerd.services.events.v1.Events/Subscribe"
_NAMESPACE = (("containerd-namespace", "k8s.io"),)


class CriError(Exception):
    """The runtime refused. `code` is gRPC's name of it, the message the runtime's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def missing(self) -> bool:
        """Tell whether the thing asked for does not exist."""
        return self.code == "NOT_FOUND"

    @property
    def unimplemented(self) -> bool:
        """Tell whether the runtime lacks the call."""
        return self.code == "UNIMPLEMENTED"

    def __str__(self) -> str:
        """Return what Go prints of a gRPC error, which is what upstream's users see in events."""
        return f"rpc error: code = {_GO_CODES.get(self.code, self.code)} desc = {self.message}"


_GO_CODES = {
    "UNKNOWN": "Unknown",
    "NOT_FOUND": "NotFound",
    "UNAVAILABLE": "Unavailable",
    "DEADLINE_EXCEEDED": "DeadlineExceeded",
    "UNIMPLEMENTED": "Unimplemented",
    "INVALID_ARGUMENT": "InvalidArgument",
    "ALREADY_EXISTS": "AlreadyExists",
    "FAILED_PRECONDITION": "FailedPrecondition",
    "PERMISSION_DENIED": "PermissionDenied",
    "RESOURCE_EXHAUSTED": "ResourceExhausted",
    "INTERNAL": "Internal",
    "CANCELLED": "Canceled",
    "UNAUTHENTICATED": "Unauthenticated",
}


class Call(Protocol):
    """What a runtime is, seen from here: unary calls and streams by method path."""

    async def unary(
        self,
        path: str,
        request: Message,
        answer: type[R],
        timeout: float | None,  # noqa: ASYNC109 - gRPC's own deadline
        metadata: tuple[tuple[str, str], ...] = (),
    ) -> R:
        """Call. Raises CriError."""
        ...

    def stream(self, path: str, request: Message, answer: type[R], metadata: tuple[tuple[str, str], ...] = ()) -> AsyncIterator[R]:
        """Subscribe. Raises CriError."""
        ...


class Channel:
    """A gRPC channel to a unix socket."""

    def __init__(self, socket: str) -> None:
        options = [
            ("grpc.max_receive_message_length", _MAX_MESSAGE),
            ("grpc.max_send_message_length", _MAX_MESSAGE),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 2000),
            ("grpc.enable_http_proxy", 0),
        ]
        self._channel = grpc.aio.insecure_channel(f"unix:{socket}", options=options)

    async def unary(
        self,
        path: str,
        request: Message,
        answer: type[R],
        timeout: float | None,  # noqa: ASYNC109 - gRPC's own deadline
        metadata: tuple[tuple[str, str], ...] = (),
    ) -> R:
        """Call the method at `path`."""
        call = self._channel.unary_unary(path, request_serializer=_encode, response_deserializer=answer.FromString)
        try:
            found: R = await call(request, timeout=timeout, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            raise CriError(error.code().name, error.details() or "") from error
        return found

    async def stream(self, path: str, request: Message, answer: type[R], metadata: tuple[tuple[str, str], ...] = ()) -> AsyncIterator[R]:
        """Yield the answers of a server stream."""
        call = self._channel.unary_stream(path, request_serializer=_encode, response_deserializer=answer.FromString)
        try:
            async for item in call(request, metadata=metadata):
                yield item
        except grpc.aio.AioRpcError as error:
            raise CriError(error.code().name, error.details() or "") from error

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()


async def _to_the_end(call: Coroutine[Any, Any, R]) -> R:
    """Wait for a call until it is answered, also when cancelled meanwhile.

    A runtime whose client leaves gives up what it is doing: containerd 1.6 kills a shim's start, and forgets the shim that it has started.
    """
    task, cancelled = asyncio.ensure_future(call), None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        task.exception()  # nobody is there any more to be told
        raise cancelled
    return task.result()


def _encode(message: Message) -> bytes:
    data: bytes = message.SerializeToString()
    return data


class Runtime:
    """The container runtime. Every method raises CriError."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def version(self) -> cri.VersionResponse:
        """Return the runtime's name and version."""
        return await self._runtime("Version", cri.VersionRequest(), cri.VersionResponse)

    async def status(self, *, verbose: bool = False) -> cri.StatusResponse:
        """Return the conditions RuntimeReady and NetworkReady, and the handlers."""
        return await self._runtime("Status", cri.StatusRequest(verbose=verbose), cri.StatusResponse)

    async def update_pod_cidr(self, pod_cidr: str) -> None:
        """Tell the runtime the node's pod range."""
        config = cri.RuntimeConfig(network_config=cri.NetworkConfig(pod_cidr=pod_cidr))
        await self._runtime("UpdateRuntimeConfig", cri.UpdateRuntimeConfigRequest(runtime_config=config), cri.Nothing)

    async def run_sandbox(self, config: cri.PodSandboxConfig, handler: str = "") -> str:
        """Create and start a sandbox; return its id."""
        request = cri.RunPodSandboxRequest(config=config, runtime_handler=handler)
        return (await self._change("RunPodSandbox", request, cri.RunPodSandboxResponse, CALL_TIMEOUT * 2)).pod_sandbox_id

    async def stop_sandbox(self, sandbox: str) -> None:
        """Stop the sandbox with everything in it and take its network down. Idempotent."""
        await self._change("StopPodSandbox", cri.PodSandboxRequest(pod_sandbox_id=sandbox), cri.Nothing)

    async def remove_sandbox(self, sandbox: str) -> None:
        """Remove the sandbox and its containers. Idempotent."""
        await self._change("RemovePodSandbox", cri.PodSandboxRequest(pod_sandbox_id=sandbox), cri.Nothing)

    async def sandbox_status(self, sandbox: str) -> cri.PodSandboxStatus:
        """Return one sandbox."""
        request = cri.PodSandboxStatusRequest(pod_sandbox_id=sandbox)
        return (await self._runtime("PodSandboxStatus", request, cri.PodSandboxStatusResponse)).status

    async def list_sandboxes(self, labels: Mapping[str, str] | None = None) -> list[cri.PodSandbox]:
        """List sandboxes that carry the labels."""
        request = cri.ListPodSandboxRequest(filter=cri.PodSandboxFilter(label_selector=dict(labels or {})))
        return list((await self._runtime("ListPodSandbox", request, cri.ListPodSandboxResponse)).items)

    async def create_container(self, sandbox: str, config: cri.ContainerConfig, sandbox_config: cri.PodSandboxConfig) -> str:
        """Create a container; return its id."""
        request = cri.CreateContainerRequest(pod_sandbox_id=sandbox, config=config, sandbox_config=sandbox_config)
        return (await self._change("CreateContainer", request, cri.CreateContainerResponse)).container_id

    async def start_container(self, container: str) -> None:
        """Start a created container."""
        await self._change("StartContainer", cri.ContainerRequest(container_id=container), cri.Nothing)

    async def stop_container(self, container: str, grace_seconds: int) -> None:
        """Signal the container, wait, then kill it; return when it has ended."""
        request = cri.StopContainerRequest(container_id=container, timeout=grace_seconds)
        await self._runtime("StopContainer", request, cri.Nothing, CALL_TIMEOUT + grace_seconds)

    async def remove_container(self, container: str) -> None:
        """Remove the container, running or not. Idempotent."""
        await self._change("RemoveContainer", cri.ContainerRequest(container_id=container), cri.Nothing)

    async def list_containers(self, labels: Mapping[str, str] | None = None) -> list[cri.Container]:
        """List containers, ended ones too, that carry the labels."""
        request = cri.ListContainersRequest(filter=cri.ContainerFilter(label_selector=dict(labels or {})))
        return list((await self._runtime("ListContainers", request, cri.ListContainersResponse)).containers)

    async def container_status(self, container: str) -> cri.ContainerStatus:
        """Return one container."""
        request = cri.ContainerStatusRequest(container_id=container)
        return (await self._runtime("ContainerStatus", request, cri.ContainerStatusResponse)).status

    async def update_resources(self, container: str, resources: cri.LinuxContainerResources) -> None:
        """Change the limits of a running container."""
        request = cri.UpdateContainerResourcesRequest(container_id=container, linux=resources)
        await self._runtime("UpdateContainerResources", request, cri.Nothing)

    async def update_sandbox_resources(self, sandbox: str, resources: cri.LinuxContainerResources) -> None:
        """Tell the runtime what the pod as a whole may use now. Not every runtime has this."""
        request = cri.UpdatePodSandboxResourcesRequest(pod_sandbox_id=sandbox, resources=resources)
        await self._runtime("UpdatePodSandboxResources", request, cri.Nothing)

    async def reopen_log(self, container: str) -> None:
        """Make the runtime open the container's log file anew, after it was renamed."""
        await self._runtime("ReopenContainerLog", cri.ContainerRequest(container_id=container), cri.Nothing)

    async def checkpoint(self, container: str, location: str, timeout_seconds: int) -> None:
        """Write a running container's state to an archive. Not every runtime has this."""
        request = cri.CheckpointContainerRequest(container_id=container, location=location, timeout=timeout_seconds)
        await self._runtime("CheckpointContainer", request, cri.Nothing, CALL_TIMEOUT + timeout_seconds)

    async def exec_sync(self, container: str, command: list[str], timeout_seconds: int) -> cri.ExecSyncResponse:
        """Run a command to its end. DEADLINE_EXCEEDED when it takes longer."""
        request = cri.ExecSyncRequest(container_id=container, cmd=command, timeout=timeout_seconds)
        return await self._runtime("ExecSync", request, cri.ExecSyncResponse, CALL_TIMEOUT + timeout_seconds if timeout_seconds else None)

    async def exec_url(self, request: cri.ExecRequest) -> str:
        """Prepare a streaming exec; return the address of the runtime's streaming server."""
        return (await self._runtime("Exec", request, cri.StreamingResponse)).url

    async def attach_url(self, request: cri.AttachRequest) -> str:
        """Prepare a streaming attach; return the address of the runtime's streaming server."""
        return (await self._runtime("Attach", request, cri.StreamingResponse)).url

    async def port_forward_url(self, request: cri.PortForwardRequest) -> str:
        """Prepare a port-forward; return the address of the runtime's streaming server."""
        return (await self._runtime("PortForward", request, cri.StreamingResponse)).url

    async def list_images(self) -> list[cri.Image]:
        """List all images."""
        return list((await self._image("ListImages", cri.ListImagesRequest(), cri.ListImagesResponse)).images)

    async def image_status(self, image: str) -> cri.Image | None:
        """Return the image by name, digest or id, or None when it is not there."""
        request = cri.ImageStatusRequest(image=cri.ImageSpec(image=image))
        found = await self._image("ImageStatus", request, cri.ImageStatusResponse)
        return found.image if found.HasField("image") else None

    async def chain_id(self, image: str) -> str:
        """Return the digest that names the image's unpacked layers in containerd's snapshots, "" when the runtime does not tell."""
        request = cri.ImageStatusRequest(image=cri.ImageSpec(image=image), verbose=True)
        info = (await self._image("ImageStatus", request, cri.ImageStatusResponse)).info.get("info", "{}")
        return str(json.loads(info).get("chainID", ""))

    async def snapshotter(self) -> str:
        """Return the name of the snapshotter that containerd unpacks images with."""
        config = json.loads((await self.status(verbose=True)).info.get("config", "{}"))
        return str(config.get("containerd", {}).get("snapshotter", "")) or "overlayfs"

    async def view_snapshot(self, snapshotter: str, key: str, parent: str, labels: Mapping[str, str]) -> Sequence[cri.SnapshotMount]:
        """Make a read-only view of unpacked layers in containerd; return how it is mounted. ALREADY_EXISTS when the key is taken."""
        request = cri.ViewSnapshotRequest(snapshotter=snapshotter, key=key, parent=parent, labels=dict(labels))
        return list((await self._snapshots("View", request, cri.SnapshotMounts)).mounts)

    async def snapshot_mounts(self, snapshotter: str, key: str) -> Sequence[cri.SnapshotMount]:
        """Return how a view is mounted."""
        request = cri.SnapshotRequest(snapshotter=snapshotter, key=key)
        return list((await self._snapshots("Mounts", request, cri.SnapshotMounts)).mounts)

    async def remove_snapshot(self, snapshotter: str, key: str) -> None:
        """Remove a view. NOT_FOUND when there is none."""
        await self._snapshots("Remove", cri.SnapshotRequest(snapshotter=snapshotter, key=key), cri.Nothing)

    async def leases(self) -> Sequence[cri.Lease]:
        """List containerd's leases, which keep from its collector what is just being made."""
        answer = await self._call.unary(_LEASES + "List", cri.ListLeasesRequest(), cri.ListLeasesResponse, CALL_TIMEOUT, _NAMESPACE)
        return list(answer.leases)

    async def remove_lease(self, lease: str) -> None:
        """Remove a lease, and with it what nothing else holds. NOT_FOUND when there is none."""
        await self._call.unary(_LEASES + "Delete", cri.DeleteLeaseRequest(id=lease, sync=True), cri.Nothing, CALL_TIMEOUT, _NAMESPACE)

    async def recorded(self, container: str) -> bool:
        """Tell whether containerd has a container or sandbox written down, which it does before it starts anything for it."""
        try:
            await self._call.unary(_CONTAINERS + "Get", cri.ContainerRequest(container_id=container), cri.Nothing, CALL_TIMEOUT, _NAMESPACE)
        except CriError as error:
            if error.missing:
                return False
            raise
        return True

    async def pull_image(self, image: str, auth: cri.AuthConfig | None, sandbox: cri.PodSandboxConfig) -> str:
        """Pull the image; return its reference."""
        request = cri.PullImageRequest(image=cri.ImageSpec(image=image), auth=auth, sandbox_config=sandbox)
        return (await self._image("PullImage", request, cri.PullImageResponse, None)).image_ref

    async def remove_image(self, image: str) -> None:
        """Remove the image. Idempotent."""
        await self._image("RemoveImage", cri.RemoveImageRequest(image=cri.ImageSpec(image=image)), cri.Nothing)

    async def image_filesystems(self) -> cri.ImageFsInfoResponse:
        """Return the usage of the filesystems that hold images."""
        return await self._image("ImageFsInfo", cri.Nothing(), cri.ImageFsInfoResponse)

    async def list_stats(self) -> list[cri.ContainerStats]:
        """Return CPU, memory and disk use of all running containers."""
        request = cri.ListContainerStatsRequest()
        return list((await self._runtime("ListContainerStats", request, cri.ListContainerStatsResponse)).stats)

    def events(self) -> AsyncIterator[cri.ContainerEventResponse]:
        """Yield CRI's own container events (containerd 1.7, CRI-O)."""
        return self._call.stream(_RUNTIME + "GetContainerEvents", cri.Nothing(), cri.ContainerEventResponse)

    def containerd_events(self, *filters: str) -> AsyncIterator[cri.Envelope]:
        """Yield containerd's own events of the namespace k8s.io, such as `topic=="/tasks/exit"`."""
        return self._call.stream(_EVENTS, cri.SubscribeRequest(filters=filters), cri.Envelope, _NAMESPACE)

    async def _runtime(self, method: str, request: Message, answer: type[R], deadline: float | None = CALL_TIMEOUT) -> R:
        return await self._call.unary(_RUNTIME + method, request, answer, deadline)

    async def _change(self, method: str, request: Message, answer: type[R], deadline: float | None = CALL_TIMEOUT) -> R:
        """Call a method that makes or removes something: one that is not left half done."""
        return await _to_the_end(self._runtime(method, request, answer, deadline))

    async def _image(self, method: str, request: Message, answer: type[R], deadline: float | None = CALL_TIMEOUT) -> R:
        return await self._call.unary(_IMAGE + method, request, answer, deadline)

    async def _snapshots(self, method: str, request: Message, answer: type[R]) -> R:
        return await self._call.unary(_SNAPSHOTS + method, request, answer, CALL_TIMEOUT, _NAMESPACE)
