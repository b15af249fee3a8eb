"""GET /containerLogs/<namespace>/<pod>/<container>: a container's log, from the file that the runtime writes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Self

from sagong.api.clock import Clock
from sagong.api.pods import all_containers
from sagong.api.types.core import ContainerStatus, Pod
from sagong.node.cri import api_pb2 as cri
from sagong.node.cri.client import CriError, Runtime
from sagong.node.server.host import Host
from sagong.node.server.http import Exchange, HttpError
from sagong.node.server.log_lines import Options, Renderer, options, tail_start

_POLL = 0.1
_SOON = 0.02
"""how long what grows is left to grow: its writer has the processor meanwhile, and many lines cost little more than one"""
_LOOK_EVERY = 10  # polls between looks at whether the container still runs
_BLOCK = 128 << 10  # what becomes of it stays in the processor's cache
_WAITING = {
    "ErrImagePull": "image can't be pulled",
    "ImagePullBackOff": "trying and failing to pull image",
}


@dataclass(frozen=True)
class ContainerLogs:
    """Serves logs."""

    host: Host
    runtime: Runtime
    clock: Clock

    async def serve(self, exchange: Exchange, namespace: str, name: str, container: str) -> None:
        """Answer. Raises HttpError with upstream's texts."""
        pod = self.host.find(namespace, name)
        if pod is None:
            raise HttpError(404, f'pod "{name}" does not exist')
        if all(known.name != container for known in all_containers(pod)):
            raise HttpError(404, f'container "{container}" not found in pod "{name}"')
        try:
            wanted = options(exchange.request.query, self.clock.now())
        except ValueError as error:
            raise HttpError(400, '{"message": "Unable to decode query."}') from error
        container_id = container_to_show(pod, container, previous=wanted.previous)
        path = await self._path(container_id)
        with Follower(path) as log:
            await exchange.start("text/plain")
            await self._copy(exchange, log, container_id, wanted)
        await exchange.finish()

    async def _path(self, container_id: str) -> Path:
        plain = container_id.partition("://")[2]
        try:
            path = Path((await self.runtime.container_status(plain)).log_path)
        except CriError as error:
            raise HttpError(400, f"unable to retrieve container logs for {container_id}") from error
        return path

    async def _copy(self, exchange: Exchange, log: Follower, container_id: str, wanted: Options) -> None:
        if wanted.tail is not None:
            log.seek_tail(wanted.tail)
        renderer = Renderer(wanted)
        if wanted.follow:
            await self._follow(exchange, log, renderer, container_id)
            return
        while log.behind and await self._send(exchange, log, renderer, last=True):
            pass

    async def _follow(self, exchange: Exchange, log: Follower, renderer: Renderer, container_id: str) -> None:
        polls, ended = 0, False
        while not renderer.done:
            came = False
            while await self._send(exchange, log, renderer, last=ended):
                came = True
                if log.caught_up and not ended:
                    break
            if ended:
                return
            if exchange.reader.at_eof():
                return
            if came:
                await self.clock.sleep(_SOON)
                continue
            polls += 1
            if polls % _LOOK_EVERY == 0:
                # what it wrote last may have come after the last look
                ended = not await self._runs(container_id)
            else:
                await self.clock.sleep(_POLL)

    async def _send(self, exchange: Exchange, log: Follower, renderer: Renderer, *, last: bool) -> bool:
        """Send the next lines; say whether there were any to look at."""
        if renderer.done or not (lines := log.lines(last=last)):
            return False
        await exchange.write(renderer.render(lines))
        await self.clock.sleep(0)  # a client that reads as fast as this must not keep the node's other work waiting
        return True

    async def _runs(self, container_id: str) -> bool:
        try:
            status = await self.runtime.container_status(container_id.partition("://")[2])
        except CriError as error:
            return not error.missing
        return bool(status.state == cri.CONTAINER_RUNNING)


def _opened(path: Path) -> FileIO:
    try:
        return path.open("rb", buffering=0)
    except FileNotFoundError as error:
        raise HttpError(400, f'failed to try resolving symlinks in path "{path}": lstat {path}: no such file or directory') from error


class Follower:
    """Reads whole lines of a file that grows, and goes on in the new file after a rotation. A context manager."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises HttpError with upstream's text."""
        self._path = path
        self._file = _opened(path)
        found = os.fstat(self._file.fileno())
        self._node, self._size = found.st_ino, found.st_size
        self._rest = b""
        self.caught_up = False
        """whether the last look came to where the file ended then"""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def seek_tail(self, lines: int) -> None:
        """Go to where the last lines begin."""
        self._file.seek(tail_start(self._file, lines))

    @property
    def behind(self) -> bool:
        """Whether some is left of what was in the file when it was opened: one that grows as fast as it is read has no other end."""
        return self._file.tell() - len(self._rest) < self._size

    def lines(self, *, last: bool) -> bytes:
        """Return the next whole lines, a block at most, or b"" when there are none now; the `last` one may lack its newline."""
        while True:
            more = self._file.read(_BLOCK) or b""
            self.caught_up = len(more) < _BLOCK
            data = self._rest + more if self._rest else more
            end = data.rfind(b"\n") + 1
            if end == 0 and not more:
                end = len(data) if last else 0
            self._rest = data[end:]
            if end:
                return data[:end]
            if not more and (self._rest or not self._rotated()):
                return b""

    def _rotated(self) -> bool:
        """Go on in the file that has taken this one's place, if one has."""
        try:
            node = self._path.stat().st_ino
        except FileNotFoundError:
            return False
        if node == self._node:
            return False
        self._node = node
        self._file.close()
        self._file = _opened(self._path)
        return True


def container_to_show(pod: Pod, container: str, *, previous: bool) -> str:
    """Return the id, runtime's name in front, of the run whose log is meant. Raises HttpError with upstream's texts."""
    where = f'container "{container}" in pod "{pod.metadata.name}"'
    statuses = (*pod.status.containerStatuses, *pod.status.initContainerStatuses, *pod.status.ephemeralContainerStatuses)
    status = next((known for known in statuses if known.name == container), None)
    if status is None:
        raise HttpError(400, f"{where} is not available")
    last = status.lastState.terminated.containerID if status.lastState.terminated else ""
    if previous:
        if not last:
            raise HttpError(400, f"previous terminated {where} not found")
        return last
    if status.state.running:
        return status.containerID
    if status.state.terminated or status.lastState.terminated:
        found = (status.state.terminated.containerID if status.state.terminated else "") or last
        if not found:
            raise HttpError(400, f"{where} is terminated")
        return found
    raise HttpError(400, f"{where} is waiting to start{_why(status)}")


def _why(status: ContainerStatus) -> str:
    if status.state.waiting is None:
        return " - no logs yet"
    return ": " + _WAITING.get(status.state.waiting.reason, status.state.waiting.reason)
