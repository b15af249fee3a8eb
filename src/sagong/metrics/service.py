"""What metrics-server answers: health, discovery, OpenAPI, and the two resources of metrics.k8s.io."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from sagong.api import field_selectors, selectors
from sagong.api.errors import ApiError, BadRequestError, MethodNotAllowedError, NotFoundError, not_found
from sagong.api.exposition import CONTENT_TYPE, Metric, exposition
from sagong.api.selectors import SelectorError
from sagong.api.types.authorization import ResourceAttributes
from sagong.api.types.meta import ObjectMeta
from sagong.api.types.metrics import NodeMetrics, PodMetrics
from sagong.metrics import documents, objects
from sagong.metrics.http import TEXT, Answer, Request
from sagong.metrics.objects import API_VERSION, GROUP, VERSION
from sagong.metrics.scrape import PodKey
from sagong.metrics.usage import History

if TYPE_CHECKING:
    from sagong.api.openapi.documents import Document, Documents

_ROOT = f"/apis/{API_VERSION}/"
_HEALTH = ("/healthz", "/livez", "/readyz")
_encode = msgspec.json.encode


class Source(Protocol):
    """What the answers are made of."""

    @property
    def history(self) -> History:
        """What was scraped."""
        ...

    def read(self) -> None:
        """Note that somebody reads."""
        ...


class Gate(Protocol):
    """Who lets requests in."""

    async def admit(self, request: Request, resource: ResourceAttributes | None) -> None:
        """Return for one that may. Raises ApiError."""
        ...


class Target(NamedTuple):
    """The resource that a path names."""

    resource: str
    namespace: str
    name: str


Listed = Callable[[], Sequence[ObjectMeta]]


class Service:
    """Answers requests. `nodes` and `pods` list the metadata of what there is; `ready` says why not, or nothing."""

    def __init__(self, source: Source, gate: Gate, nodes: Listed, pods: Listed, ready: Callable[[], str]) -> None:
        self._source, self._gate, self._nodes, self._pods, self._ready = source, gate, nodes, pods, ready
        self._openapi: Documents | None = None

    async def __call__(self, request: Request) -> Answer:
        """Answer one request."""
        try:
            return await self._answer(request)
        except ApiError as error:
            return Answer(_encode(error.status()), error.code)
        except (OSError, TimeoutError) as error:
            failed = ApiError(f"Internal error occurred: the API server cannot be asked: {error}")
            return Answer(_encode(failed.status()), failed.code)

    async def _answer(self, request: Request) -> Answer:
        target = target_of(request.path)
        await self._gate.admit(request, _attributes(request, target))
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowedError("the server does not allow this method on the requested resource", generic=True)
        if target is not None:
            return self._objects(request, target)
        return await self._page(request, request.path.rstrip("/"))

    async def _page(self, request: Request, path: str) -> Answer:
        if path.startswith("/openapi/"):
            return await self._document(request, path)
        if path.startswith(_HEALTH):
            why = self._ready() if path.startswith("/readyz") else ""
            return Answer(why.encode() or b"ok", 500 if why else 200, TEXT)
        if path == "/metrics":
            return Answer(self._own_metrics().encode(), content_type=CONTENT_TYPE)
        if path == "/apis" and "as=APIGroupDiscoveryList" in request.header("accept"):
            return Answer(_encode(documents.AGGREGATED), content_type=documents.AGGREGATED_MEDIA)
        if path in documents.LEGACY:
            return Answer(_encode(documents.LEGACY[path]))
        return Answer(b"404 page not found\n", 404, TEXT)

    def _objects(self, request: Request, target: Target) -> Answer:
        if request.query.get("watch", "false") not in ("false", "0"):
            raise MethodNotAllowedError(f'watch is not supported on resources of kind "{target.resource}.{GROUP}"')
        self._source.read()
        found = list(self._found(request, target))
        if target.name and not found:
            raise _missing(target)
        accept = request.header("accept")
        if "as=Table" in accept:
            return Answer(_encode(objects.table(found, "v1" if "v=v1;" in f"{accept.replace(',', ';')};" else "v1beta1")))
        if target.name:
            return Answer(_encode(found[0]))
        kind = documents.RESOURCES[target.resource][1]
        return Answer(_encode({"kind": f"{kind}List", "apiVersion": API_VERSION, "metadata": {}, "items": found}))

    def _found(self, request: Request, target: Target) -> Iterator[NodeMetrics | PodMetrics]:
        """Yield the metrics of the objects that are asked for, as far as they are known."""
        known = self._nodes() if target.resource == "nodes" else self._pods()
        if target.name:
            chosen = [meta for meta in known if meta.name == target.name and meta.namespace == target.namespace]
            if not chosen:
                raise not_found("", target.resource, f"{target.namespace}/{target.name}" if target.namespace else target.name)
        else:
            selected = _selection(request)
            chosen = [meta for meta in known if target.namespace in ("", meta.namespace) and selected(meta)]
        for meta in sorted(chosen, key=lambda meta: (meta.namespace, meta.name)):
            if target.resource == "nodes":
                if used := self._source.history.node(meta.name):
                    yield objects.node_metrics(meta.name, meta.labels, used)
            elif used := self._source.history.pod(PodKey(meta.namespace, meta.name)):
                yield objects.pod_metrics(meta.namespace, meta.name, meta.labels, used)

    async def _document(self, request: Request, path: str) -> Answer:
        document = await asyncio.to_thread(self._make, request.header("accept"), path)
        if document is None:
            raise NotFoundError("the server could not find the requested resource", generic=True)
        etag = f'"{document.etag}"'
        if request.header("if-none-match") == etag:
            return Answer(b"", 304, document.content_type, {"Etag": etag})
        return Answer(document.body, 200, document.content_type, {"Etag": etag})

    def _make(self, accept: str, path: str) -> Document | None:
        self._openapi = self._openapi or documents.openapi()
        if path == "/openapi/v2":
            return self._openapi.swagger_protobuf() if "proto-openapi.spec.v2" in accept else self._openapi.swagger()
        if path == "/openapi/v3":
            return self._openapi.index()
        return self._openapi.group_version(path.removeprefix("/openapi/v3/"))

    def _own_metrics(self) -> str:
        scraped = Metric("metrics_server_kubelet_last_request_time_seconds", "gauge", "Time of last request performed to Kubelet API")
        scraped.add(self._source.history.newest)
        return exposition([scraped])


def target_of(path: str) -> Target | None:
    """Read a path; None: it names no resource of the group."""
    if not path.startswith(_ROOT):
        return None
    match path.removeprefix(_ROOT).strip("/").split("/"):
        case ["nodes"] | ["pods"] as parts:
            return Target(parts[0], "", "")
        case ["nodes", name]:
            return Target("nodes", "", name)
        case ["namespaces", namespace, "pods"]:
            return Target("pods", namespace, "")
        case ["namespaces", namespace, "pods", name]:
            return Target("pods", namespace, name)
    return None


def _attributes(request: Request, target: Target | None) -> ResourceAttributes | None:
    if target is None:
        return None
    verb = {"GET": "get" if target.name else "list", "HEAD": "get"}.get(request.method, request.method.lower())
    return ResourceAttributes(
        verb=verb, group=GROUP, version=VERSION, resource=target.resource, namespace=target.namespace, name=target.name
    )


def _selection(request: Request) -> Callable[[ObjectMeta], bool]:
    """Return what the selectors of a list choose. Raises BadRequestError."""
    try:
        labels = selectors.parse(request.query.get("labelSelector", ""))
        fields = field_selectors.parse(request.query.get("fieldSelector", ""))
    except SelectorError as error:
        raise BadRequestError(str(error)) from error
    return lambda meta: labels.matches(meta.labels) and fields.matches(_Named(meta))


class _Named(msgspec.Struct):
    """An object as a field selector sees it."""

    metadata: Any


def _missing(target: Target) -> NotFoundError:
    name = f"{target.namespace}/{target.name}" if target.namespace else target.name
    return not_found(GROUP, f"{target.resource.removesuffix('s')}metrics", name)
