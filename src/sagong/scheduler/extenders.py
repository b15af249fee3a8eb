"""Scheduler extenders: web services that are asked about pods and nodes beside the plugins (k8s.io/kube-scheduler/extender/v1).

Each call is a POST of JSON whose fields are spelled as Go's; answers are read as Go reads them, without regard to case.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from sagong.api.types.core import Container
from sagong.client.config import ClientConfig, KubeconfigError, memory_file
from sagong.client.pool import Pool
from sagong.client.tls import client_context
from sagong.scheduler.candidates import Candidate
from sagong.scheduler.configuration import ConfigurationError
from sagong.scheduler.extender_config import ExtenderConfig, ExtenderTLSConfig
from sagong.scheduler.node_info import NodeInfo
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.snapshot import Snapshot

T = TypeVar("T")
MOST = 10
"""The best rating that an extender gives."""

_DEPTH = 4
"""How deep the names of fields are read: beyond are whole objects, of which nothing is looked at."""

_OK = 200


class ExtenderError(Exception):
    """An extender could not be asked, or has said something that cannot be."""


class _Named(msgspec.Struct):
    name: str = ""


class _Item(msgspec.Struct):
    metadata: _Named = msgspec.field(default_factory=_Named)


class _Items(msgspec.Struct):
    items: list[_Item] = []


class Filtered(msgspec.Struct):
    """ExtenderFilterResult: the nodes that are left, and why others are not."""

    nodes: _Items | None = None
    nodenames: list[str] | None = None
    failednodes: dict[str, str] = {}
    failedandunresolvablenodes: dict[str, str] = {}
    error: str = ""


class _Rating(msgspec.Struct):
    host: str = ""
    score: int = 0


class _Victim(msgspec.Struct):
    uid: str = ""


class _Victims(msgspec.Struct):
    pods: list[_Victim] = []
    numpdbviolations: int = 0


class _Preempted(msgspec.Struct):
    nodenametometavictims: dict[str, _Victims] = {}


class _Bound(msgspec.Struct):
    error: str = ""


class Extender:
    """One of them."""

    def __init__(self, config: ExtenderConfig) -> None:
        """Raise ConfigurationError for credentials that do not load."""
        self._config = config
        self.url, self.ignorable, self.weight = config.urlPrefix, config.ignorable, config.weight
        self.filters, self.rates = bool(config.filterVerb), bool(config.prioritizeVerb)
        self.preempts, self.binds = bool(config.preemptVerb), bool(config.bindVerb)
        self._managed = {resource.name for resource in config.managedResources}
        try:
            access = _access(config)
            client_context(access)
        except (KubeconfigError, OSError) as error:
            raise ConfigurationError(f"couldn't build extenders: {error}") from error
        self._pool = Pool(access)

    def close(self) -> None:
        """Drop its connections."""
        self._pool.close()

    def is_interested(self, pod: PodInfo) -> bool:
        """Say whether the pod asks for what the extender manages; without such resources every pod is its own."""
        spec = pod.pod.spec
        return not self._managed or any(self._manages(container) for container in (*spec.containers, *spec.initContainers))

    async def filter(self, pod: PodInfo, nodes: Sequence[NodeInfo]) -> tuple[list[NodeInfo], Filtered]:
        """Return the nodes that are left, and what is said of others. Raises ExtenderError."""
        said = await self._ask(self._config.filterVerb, self._about(pod, nodes), Filtered)
        if said.error:
            raise ExtenderError(said.error)
        names = said.nodenames if self._config.nodeCacheCapable else None
        if names is None:
            names = [item.metadata.name for item in said.nodes.items] if said.nodes is not None else []
        known = {node.name: node for node in nodes}
        strange = next((name for name in names if name not in known), None)
        if strange is not None:
            raise ExtenderError(f'extender "{self.url}" claims a filtered node "{strange}" which is not found in the input node list')
        return [known[name] for name in dict.fromkeys(names)], said

    async def rate(self, pod: PodInfo, nodes: Sequence[NodeInfo]) -> dict[str, int]:
        """Return ratings by node, weighed. Raises ExtenderError."""
        ratings = await self._ask(self._config.prioritizeVerb, self._about(pod, nodes), list[_Rating])
        found: dict[str, int] = {}
        for rating in ratings:
            found[rating.host] = found.get(rating.host, 0) + rating.score * self.weight
        return found

    async def preempt(self, pod: PodInfo, candidates: Sequence[Candidate], snapshot: Snapshot) -> list[Candidate]:
        """Return the candidates that are left, perhaps with other victims. Raises ExtenderError."""
        whole = not self._config.nodeCacheCapable
        victims = {candidate.node: _victims(candidate, whole=whole) for candidate in candidates}
        asked = {
            "Pod": pod.pod,
            "NodeNameToVictims": victims if whole else None,
            "NodeNameToMetaVictims": None if whole else victims,
        }
        said = await self._ask(self._config.preemptVerb, asked, _Preempted)
        found = []
        for name, chosen in said.nodenametometavictims.items():
            node = snapshot.get(name)
            if node is None:
                raise ExtenderError(f'nodeinfo not found for node name "{name}"')
            pods = [self._victim(victim.uid, node) for victim in chosen.pods]
            if pods:
                found.append(Candidate.of(name, pods, chosen.numpdbviolations))
            elif not self.ignorable:
                raise ExtenderError(f'expected at least one victim pod on node "{name}"')
        return found

    async def bind(self, pod: PodInfo, node: str) -> None:
        """Let it bind the pod. Raises ExtenderError."""
        asked = {"PodName": pod.name, "PodNamespace": pod.namespace, "PodUID": pod.uid, "Node": node}
        said = await self._ask(self._config.bindVerb, asked, _Bound, again=False)
        if said.error:
            raise ExtenderError(said.error)

    def _manages(self, container: Container) -> bool:
        resources = container.resources
        return not self._managed.isdisjoint((*resources.requests, *resources.limits))

    def _about(self, pod: PodInfo, nodes: Sequence[NodeInfo]) -> dict[str, Any]:
        if self._config.nodeCacheCapable:
            return {"Pod": pod.pod, "Nodes": None, "NodeNames": [node.name for node in nodes]}
        return {"Pod": pod.pod, "Nodes": {"metadata": {}, "items": [node.node for node in nodes]}, "NodeNames": None}

    def _victim(self, uid: str, node: NodeInfo) -> PodInfo:
        if uid not in node.pods:
            raise ExtenderError(
                f"extender: {self.url} claims to preempt pod (UID: {uid}) on node: {node.name}, but the pod is not found on that node"
            )
        return node.pods[uid]

    async def _ask(self, verb: str, question: Mapping[str, Any], kind: type[T], *, again: bool = True) -> T:
        """Ask; `again`: may be repeated when a kept connection turns out to be closed."""
        url = f"{self.url.rstrip('/')}/{verb}"
        body = msgspec.json.encode(question)
        head = (
            f"POST {self._pool.prefix}/{verb} HTTP/1.1\r\nHost: {self._pool.authority}\r\nUser-Agent: kube-scheduler\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            async with asyncio.timeout(self._config.timeout):
                connection = await self._pool.send(head.encode("latin-1") + body, again=again)
                try:
                    status, answer = connection.status, await connection.read_all()
                finally:
                    self._pool.release(connection)
        except TimeoutError as error:
            raise ExtenderError(f'Post "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)') from error
        except OSError as error:
            raise ExtenderError(f'Post "{url}": {error}') from error
        if status != _OK:
            raise ExtenderError(f"failed {verb} with extender at URL {url}, code {status}")
        try:
            found = _folded(msgspec.json.decode(answer), _DEPTH)
            return msgspec.convert(kind() if found is None else found, kind)
        except msgspec.MsgspecError as error:
            raise ExtenderError(f"{verb} of extender at URL {url}: {error}") from error


def _victims(candidate: Candidate, *, whole: bool) -> dict[str, Any]:
    pods = [victim.pod if whole else {"UID": victim.uid} for victim in candidate.victims]
    return {"Pods": pods, "NumPDBViolations": candidate.violations}


def _folded(value: Any, depth: int) -> Any:
    """Write the names of fields small, and leave out nulls: both mean the same to Go."""
    if isinstance(value, list):
        return [_folded(item, depth) for item in value if item is not None]
    if isinstance(value, dict) and depth:
        return {key.lower(): _folded(item, depth - 1) for key, item in value.items() if item is not None}
    return value


def _access(config: ExtenderConfig) -> ClientConfig:
    """Return how the extender is reached. Raises ConfigurationError, OSError, as upstream at start."""
    tls = config.tlsConfig or ExtenderTLSConfig()
    ca = tls.caData or (Path(tls.caFile).read_bytes() if tls.caFile else b"")
    insecure = tls.insecure or (config.enableHTTPS and not ca)
    if ca and insecure:
        raise ConfigurationError("couldn't build extenders: specifying a root certificates file with the insecure flag is not allowed")
    cert = memory_file("cert", tls.certData) if tls.certData else tls.certFile
    key = memory_file("key", tls.keyData) if tls.keyData else tls.keyFile
    return ClientConfig(
        config.urlPrefix,
        ca=ca or None,
        cert=(cert, key) if cert and key else None,
        insecure=insecure,
        server_name=tls.serverName,
    )
