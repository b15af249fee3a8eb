"""The calls to etcd's v3 gRPC API that the store makes. The generated messages are in etcd_pb2 (from etcd.proto)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from sagong.store import etcd_pb2 as pb
from sagong.store.base import Seal, Write
from sagong.store.index import prefix_end

TIMEOUT = 10.0
_PAGE = 1000
_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A member that comes back is found at once: it is near, and nobody else asks it.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]


@dataclass(frozen=True, slots=True)
class EtcdTls:
    """PEM files: the authority of the members, and this client's certificate and key."""

    ca: str
    certificate: str
    key: str


class EtcdClient:
    """One channel to any of the members. Every call raises grpc.aio.AioRpcError."""

    def __init__(self, endpoints: Sequence[str], tls: EtcdTls | None, seal: Seal | None = None) -> None:
        """Take `host:port` addresses, and what encrypts values on their way."""
        target = endpoints[0] if len(endpoints) == 1 else f"ipv4:{','.join(endpoints)}"
        if tls is None:
            self._channel = grpc.aio.insecure_channel(target, options=_OPTIONS)
        else:
            pem = [Path(path).read_bytes() for path in (tls.ca, tls.key, tls.certificate)]
            self._channel = grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(*pem), options=_OPTIONS)
        self._seal = seal
        self._range = self._unary("KV/Range", pb.RangeRequest, pb.RangeResponse)
        self._txn = self._unary("KV/Txn", pb.TxnRequest, pb.TxnResponse)
        self._compact = self._unary("KV/Compact", pb.CompactionRequest, pb.CompactionResponse)
        self._status = self._unary("Maintenance/Status", pb.StatusRequest, pb.StatusResponse)
        self._watch = self._channel.stream_stream(
            "/etcdserverpb.Watch/Watch",
            request_serializer=pb.WatchRequest.SerializeToString,
            response_deserializer=pb.WatchResponse.FromString,
        )

    async def wait(self, seconds: float) -> None:
        """Wait until a member answers."""
        await self._range(pb.RangeRequest(key=b"/"), timeout=seconds, wait_for_ready=True)

    async def read(self, prefix: str) -> tuple[list[pb.KeyValue], int]:
        """Return everything under `prefix` as of one revision, and that revision."""
        found: list[pb.KeyValue] = []
        start, end, revision, more = prefix.encode(), prefix_end(prefix).encode(), 0, True
        while more:
            asked = pb.RangeRequest(key=start, range_end=end, limit=_PAGE, revision=revision)
            page: pb.RangeResponse = await self._range(asked, timeout=TIMEOUT)
            self._open(page.kvs)
            found += page.kvs
            revision, more = revision or page.header.revision, page.more
            start = found[-1].key + b"\0" if more else b""
        return found, revision

    async def size(self) -> int:
        """Return how many bytes a member's database takes."""
        status: pb.StatusResponse = await self._status(pb.StatusRequest(), timeout=TIMEOUT)
        return status.db_size

    async def write(self, writes: Sequence[Write]) -> pb.TxnResponse:
        """Do all the writes if all expectations hold; otherwise answer with the live entries. A member that is away is waited for."""
        request = pb.TxnRequest()
        for write in writes:
            key = write.key.encode()
            request.compare.append(pb.Compare(target=pb.Compare.MOD, key=key, mod_revision=write.expected))
            if write.value is None:
                self._sealed(write)
                request.success.append(pb.RequestOp(request_delete_range=pb.DeleteRangeRequest(key=key)))
            else:
                request.success.append(pb.RequestOp(request_put=pb.PutRequest(key=key, value=self._sealed(write))))
            request.failure.append(pb.RequestOp(request_range=pb.RangeRequest(key=key)))
        response: pb.TxnResponse = await self._txn(request, timeout=TIMEOUT, wait_for_ready=True)
        for one in response.responses:
            self._open(one.response_range.kvs)
        return response

    async def watch(self, prefix: str, start: int) -> AsyncGenerator[pb.WatchResponse, None]:
        """Yield what happens under `prefix` from revision `start` on."""
        create = pb.WatchCreateRequest(
            key=prefix.encode(), range_end=prefix_end(prefix).encode(), start_revision=start, progress_notify=True
        )
        call = self._watch()
        try:
            await call.write(pb.WatchRequest(create_request=create))
            while (response := await call.read()) is not grpc.aio.EOF:
                self._open([event.kv for event in response.events if event.type == pb.Event.PUT])
                yield response
        finally:
            call.cancel()

    async def compact(self, revision: int) -> None:
        """Forget history before `revision`; nothing happens when somebody else has done it."""
        try:
            await self._compact(pb.CompactionRequest(revision=revision), timeout=TIMEOUT)
        except grpc.aio.AioRpcError as error:
            if error.code() != grpc.StatusCode.OUT_OF_RANGE:
                raise

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    def _sealed(self, write: Write) -> bytes | None:
        return write.value if self._seal is None else self._seal.seal(write.key, write.value)

    def _open(self, found: Iterable[pb.KeyValue]) -> None:
        if self._seal is not None:
            for kv in found:
                kv.value = self._seal.open(kv.key.decode(), kv.value)

    def _unary(self, method: str, request: Any, response: Any) -> Any:
        return self._channel.unary_unary(
            f"/etcdserverpb.{method}", request_serializer=request.SerializeToString, response_deserializer=response.FromString
        )
