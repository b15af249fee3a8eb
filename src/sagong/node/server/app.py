"""The server as a whole: its paths, and its TLS socket."""

from __future__ import annotations

import asyncio
import functools
import logging
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sagong.api.accept import wants_pretty
from sagong.api.clock import Clock, format_time
from sagong.api.exposition import CONTENT_TYPE
from sagong.api.slis import Slis
from sagong.api.types.core import PodList
from sagong.node.cri import api_pb2 as cri
from sagong.node.cri import labels
from sagong.node.cri.client import CriError, Runtime
from sagong.node.meters.ledger import Ledger
from sagong.node.meters.requests import RequestMeter
from sagong.node.server.auth import Gatekeeper
from sagong.node.server.host import Host
from sagong.node.server.http import Exchange, HttpError, serve_connection
from sagong.node.server.logs import ContainerLogs
from sagong.node.server.streaming import Streaming

if TYPE_CHECKING:
    from sagong.api.zpages import Zpages

_CHECKS = ("ping", "log", "syncloop")
_LISTED = ("/configz", "/flagz", "/healthz", "/metrics")
"""What /statusz tells of: what the kubelet says of itself, not what there is about its pods."""
_READ_LIMIT = 256 << 10
_RELOAD_SECONDS = 5.0
log = logging.getLogger(__name__)

Handler = Callable[..., Awaitable[None]]


class Statistics(Protocol):
    """What stats.py offers."""

    async def summary(self, *, only_cpu_and_memory: bool) -> Mapping[str, object]:
        """Return stats/v1alpha1's Summary."""
        ...

    async def metrics(self, path: str) -> str:
        """Return Prometheus text for /metrics, /metrics/resource, /metrics/cadvisor, /metrics/probes."""
        ...


@dataclass(frozen=True)
class Tls:
    """PEM files."""

    certificate: str
    key: str
    client_ca: str = ""
    """whose certificates identify clients; "" for none"""
    preferred: str = ""
    """a certificate and its key in one file, which serve instead of the others once there is one"""

    def context(self) -> ssl.SSLContext:
        """Return the server's side of TLS. Raises OSError, ssl.SSLError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.load(context)
        if self.client_ca:
            context.verify_mode = ssl.CERT_OPTIONAL
        context.set_alpn_protocols(["http/1.1"])
        return context

    def load(self, context: ssl.SSLContext) -> None:
        """Let new connections see the files as they are now. Raises OSError, ssl.SSLError."""
        if self.preferred and Path(self.preferred).exists():
            context.load_cert_chain(self.preferred)
        else:
            context.load_cert_chain(self.certificate, self.key)
        if self.client_ca:
            context.load_verify_locations(self.client_ca)

    def stamp(self) -> tuple[float, ...]:
        """Return what is another when a file has changed."""
        files = [Path(name) for name in (self.certificate, self.key, self.client_ca, self.preferred) if name]
        return tuple(file.stat().st_mtime for file in files if file.exists())


@dataclass
class KubeletServer:
    """Serves one node."""

    host: Host
    runtime: Runtime
    gatekeeper: Gatekeeper
    clock: Clock
    statistics: Statistics | None = None
    log_root: Path = field(default=Path("/var/log"))
    """what /logs/ shows"""
    checkpoints: Path = field(default=Path("/var/lib/kubelet/checkpoints"))
    slis: Slis = field(default_factory=Slis)
    meter: RequestMeter | None = None
    zpages: Callable[[Iterable[str]], Zpages] | None = None
    """makes /statusz and /flagz, told which paths to list; they are not there without it"""

    def __post_init__(self) -> None:
        self._logs = ContainerLogs(self.host, self.runtime, self.clock)
        self._streaming = Streaming(self.host, self.runtime)
        self._meter = self.meter or RequestMeter(Ledger(self.clock))
        self._routes: Mapping[str, tuple[Handler, int, int]] = {
            # first part of the path: (handler, least and most number of further parts)
            "healthz": (self._healthz, 0, 1),
            "pods": (self._pods, 0, 0),
            "runningpods": (self._pods, 0, 0),
            "configz": (self._configz, 0, 0),
            "containerLogs": (self._logs.serve, 3, 3),
            "exec": (self._exec, 3, 4),
            "attach": (self._attach, 3, 4),
            "portForward": (self._port_forward, 2, 3),
            "checkpoint": (self._checkpoint, 3, 3),
            "stats": (self._stats, 0, 1),
            "metrics": (self._metrics, 0, 1),
            "logs": (self._files, 0, 64),
            **(dict.fromkeys(("statusz", "flagz"), (self._zpage, 0, 0)) if self.zpages else {}),
        }

    async def run(self, address: str, port: int, tls: Tls, ready: Callable[[int], None] = lambda _: None) -> None:
        """Serve until cancelled; `ready` is told the port. Raises OSError when it is taken."""
        stamp, context = tls.stamp(), tls.context()
        server = await asyncio.start_server(self.connected, address, port, ssl=context, limit=_READ_LIMIT)
        async with server:
            ready(server.sockets[0].getsockname()[1])
            while True:
                await self.clock.sleep(_RELOAD_SECONDS)
                if tls.stamp() != stamp:
                    stamp = self._reloaded(tls, context, stamp)

    @staticmethod
    def _reloaded(tls: Tls, context: ssl.SSLContext, before: tuple[float, ...]) -> tuple[float, ...]:
        """Take changed certificates for new connections; files that do not fit together (yet) are looked at again."""
        try:
            stamp = tls.stamp()
            tls.load(context)
        except (OSError, ssl.SSLError) as error:
            log.warning("the server's certificates are not read again: %s", error)
            return before
        return stamp

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection."""
        await serve_connection(self.handle, reader, writer)

    async def handle(self, exchange: Exchange) -> None:
        """Serve a request. Raises HttpError."""
        request = exchange.request
        with self._meter.serving(request.method, request.path, request.upgrade):
            await self._serve(exchange)

    async def _serve(self, exchange: Exchange) -> None:
        first, *rest = exchange.request.path.strip("/").split("/")
        found = self._routes.get(first)
        await self.gatekeeper.admit(exchange)
        if found is None:
            raise HttpError(404, "404 page not found")
        handler, least, most = found
        if not least <= len(rest) <= most:
            raise HttpError(404, "404 page not found")
        await handler(exchange, *rest)

    async def _healthz(self, exchange: Exchange, check: str = "") -> None:
        if check not in ("", *_CHECKS):
            raise HttpError(404, "404 page not found")
        for name in [check] if check else _CHECKS:
            self.slis.observe(name, "healthz", well=True)
        await exchange.send(200, "ok")

    async def _pods(self, exchange: Exchange) -> None:
        pods = list(self.host.pods())
        await exchange.send_json(PodList(apiVersion="v1", kind="PodList", items=pods))

    async def _configz(self, exchange: Exchange) -> None:
        await exchange.send_json({"kubeletconfig": self.host.settings()})

    @functools.cached_property
    def _zpages(self) -> Zpages:
        assert self.zpages is not None
        return self.zpages(_LISTED)

    async def _zpage(self, exchange: Exchange) -> None:
        request = exchange.request
        pretty = wants_pretty(request.headers.get("user-agent", ""), request.first("pretty"))
        answer = self._zpages.answer(request.path.rstrip("/"), request.headers.get("accept", ""), pretty=pretty)
        await exchange.send(answer.status, answer.body, answer.content_type, answer.headers)

    async def _exec(self, exchange: Exchange, namespace: str, name: str, *rest: str) -> None:
        # a pod's uid may stand between its name and the container's
        await self._streaming.exec(exchange, namespace, name, rest[-1])

    async def _attach(self, exchange: Exchange, namespace: str, name: str, *rest: str) -> None:
        await self._streaming.attach(exchange, namespace, name, rest[-1])

    async def _port_forward(self, exchange: Exchange, namespace: str, name: str, *rest: str) -> None:
        del rest
        await self._streaming.port_forward(exchange, namespace, name)

    async def _checkpoint(self, exchange: Exchange, namespace: str, name: str, container: str) -> None:
        """Write a container's state to an archive below the root directory (KEP-2008), where the runtime can."""
        if exchange.request.method != "POST":
            raise HttpError(405, "405 method not allowed")
        pod = self.host.find(namespace, name)
        if pod is None:
            raise HttpError(404, "pod does not exist")
        wanted = {labels.POD_UID: pod.metadata.uid, labels.CONTAINER_NAME: container}
        found = [known.id for known in await self.runtime.list_containers(wanted) if known.state == cri.CONTAINER_RUNNING]
        if not found:
            raise HttpError(404, f"container {container} does not exist")
        stamp = format_time(self.clock.now())
        path = self.checkpoints / f"checkpoint-{name}_{namespace}-{container}-{stamp}.tar"
        self.checkpoints.mkdir(mode=0o700, parents=True, exist_ok=True)
        seconds = next(iter(exchange.request.query.get("timeout", [])), "0")
        try:
            await self.runtime.checkpoint(found[0], str(path), int(seconds) if seconds.isdigit() else 0)
        except CriError as error:
            code = 404 if error.unimplemented else 500
            raise HttpError(code, f"checkpointing of {namespace}/{name}/{container} failed ({error})") from error
        await exchange.send_json({"items": [str(path)]})

    async def _stats(self, exchange: Exchange, what: str = "summary") -> None:
        if self.statistics is None or what != "summary":
            raise HttpError(404, "404 page not found")
        few = exchange.request.flag("only_cpu_and_memory")
        await exchange.send_json(await self.statistics.summary(only_cpu_and_memory=few))

    async def _metrics(self, exchange: Exchange, what: str = "") -> None:
        if what == "slis":
            await exchange.send(200, self.slis.page(), CONTENT_TYPE)
            return
        if self.statistics is None or what not in ("", "resource", "cadvisor", "probes"):
            raise HttpError(404, "404 page not found")
        text = (await self.statistics.metrics(what)).encode()
        await exchange.send(200, text, CONTENT_TYPE)

    async def _files(self, exchange: Exchange, *parts: str) -> None:
        root = self.log_root.resolve()
        path = root.joinpath(*parts).resolve()
        if not path.is_relative_to(root) or not (path.is_dir() or path.is_file()):
            raise HttpError(404, "404 page not found")
        if path.is_dir():
            names = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in path.iterdir())
            lines = "".join(f'<a href="{name}">{name}</a>\n' for name in names)
            await exchange.send(200, f"<pre>\n{lines}</pre>\n", "text/html; charset=utf-8")
            return
        await exchange.start("text/plain; charset=utf-8")
        with path.open("rb") as file:
            for chunk in iter(lambda: file.read(_READ_LIMIT), b""):
                await exchange.write(chunk)
        await exchange.finish()
