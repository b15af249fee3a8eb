"""A server of config maps that does as it is told: it lists, and its watches end when and how a test says."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, cast

import msgspec

from sagong.api.clock import Clock
from sagong.api.errors import ApiError, GoneError
from sagong.client.config import ClientConfig
from sagong.client.connection import ServerUnreachableError
from sagong.client.transport import REQUEST_TIMEOUT, Request, Response, Stream, Transport

How = Literal["closed", "lost", "gone", "error", "unreachable", "refused"]
MIDWAY: tuple[How, ...] = ("closed", "lost", "gone", "error")
AT_ONCE: tuple[How, ...] = ("unreachable", "refused")


@dataclass(frozen=True)
class End:
    """How a watch ends, and after how many events; a lost one breaks off within a line."""

    how: How
    after: int = 0


class ScriptedServer(Transport):
    """Its history begins at revision 100. `chunk`: how many bytes of a watch come at a time, 0 for whole lines."""

    def __init__(self, clock: Clock, *, ends: tuple[End, ...] = (), chunk: int = 0) -> None:
        super().__init__(ClientConfig("http://server.invalid"), clock)
        self.clock = clock
        self.revision, self.oldest = 100, 100
        self.live: dict[str, dict[str, Any]] = {}
        self.ends, self.chunk = deque(ends), chunk
        self.lists: deque[Exception | None] = deque()
        """what becomes of the next pages of lists"""
        self.asked: list[str] = []
        self.times: list[float] = []
        self._log: list[tuple[int, bytes]] = []
        self._changed = asyncio.Event()

    # What tests do.

    def put(self, name: str, value: str, *, uid: str = "", namespace: str = "n") -> int:
        """Create or change one; return the revision."""
        old = self.live.get(name)
        uid = uid or (old["metadata"]["uid"] if old else f"{name}-{self.revision}")
        meta = {"name": name, "namespace": namespace, "uid": uid, "managedFields": [{"manager": "m"}], "labels": {"value": value}}
        self.live[name] = self._tell("MODIFIED" if old else "ADDED", {"metadata": meta, "data": {"value": value}})
        return self.revision

    def delete(self, name: str) -> int:
        """Delete one; return the revision."""
        self._tell("DELETED", self.live.pop(name))
        return self.revision

    def bookmark(self) -> int:
        """Have revisions pass that are about other kinds, and tell of that as upstream does; return the last."""
        self.revision += 9
        self._tell("BOOKMARK", {"metadata": {"creationTimestamp": None}})
        return self.revision

    def compact(self) -> None:
        """Forget all history."""
        self.oldest = self.revision

    # What a client asks.

    async def _exchange(self, request: Request, time_limit: float) -> Response:
        token = int(str(request.query.get("continue", 0)))
        self._note(f"list {token}" if token else "list")
        if self.lists and (failure := self.lists.popleft()) is not None:
            raise failure
        limit = int(str(request.query["limit"]))
        items = [self.live[name] for name in sorted(self.live)][token : token + limit]
        more = str(token + limit) if token + limit < len(self.live) else ""
        meta = {"resourceVersion": str(self.revision), "continue": more}
        return Response(200, {}, msgspec.json.encode({"kind": "ConfigMapList", "apiVersion": "v1", "metadata": meta, "items": items}))

    @asynccontextmanager
    async def stream(self, request: Request, *, time_limit: float = REQUEST_TIMEOUT) -> AsyncIterator[Stream]:
        since = int(str(request.query["resourceVersion"]))
        self._note(f"watch {since}")
        end = self.ends.popleft() if self.ends else None
        if end is not None and end.how == "unreachable":
            raise ServerUnreachableError("nobody is there")
        if end is not None and end.how == "refused":
            raise ApiError("not now", reason="InternalError")
        if since < self.oldest:
            raise GoneError(f"too old resource version: {since} ({self.oldest})")
        yield cast("Stream", self._body(since, end))

    async def _body(self, since: int, end: End | None) -> AsyncIterator[bytes]:
        sent = 0
        while True:
            for revision, line in self._log:
                if revision <= since:
                    continue
                if end is not None and sent == end.after:
                    break
                since, sent = revision, sent + 1
                for start in range(0, len(line), self.chunk or len(line)):
                    await asyncio.sleep(0)
                    yield line[start : start + (self.chunk or len(line))]
            if end is not None and sent == end.after:
                break
            self._changed.clear()
            await self._changed.wait()
        assert end is not None
        if end.how == "lost":
            rest = next((line for revision, line in self._log if revision > since), b"")
            yield rest[: len(rest) // 2]
            raise ServerUnreachableError("the server closed the connection")
        if end.how in ("gone", "error"):
            code, reason = (410, "Expired") if end.how == "gone" else (500, "InternalError")
            status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": "injected", "code": code}
            yield msgspec.json.encode({"type": "ERROR", "object": status}) + b"\n"

    def _tell(self, kind: str, obj: dict[str, Any]) -> dict[str, Any]:
        self.revision += 1
        told = {"kind": "ConfigMap", "apiVersion": "v1", **obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.revision)}}
        self._log.append((self.revision, msgspec.json.encode({"type": kind, "object": told}) + b"\n"))
        self._changed.set()
        return told

    def _note(self, what: str) -> None:
        self.asked.append(what)
        self.times.append(self.clock.monotonic())


__all__ = ["AT_ONCE", "MIDWAY", "End", "How", "ScriptedServer"]
