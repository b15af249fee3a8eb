"""What metrics say, as values in thousandths; asked of metrics.k8s.io, custom.metrics.k8s.io and external.metrics.k8s.io."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from sagong.api.clock import parse_time
from sagong.api.errors import ApiError, NotFoundError
from sagong.api.go_values import parse_duration
from sagong.api.quantity import QuantityError, parse
from sagong.api.resources import Resource
from sagong.api.types.autoscaling import CrossVersionObjectReference
from sagong.api.types.metrics import PodMetricsList
from sagong.client.client import Client

DEFAULT_WINDOW = timedelta(minutes=1)


class ReadingError(Exception):
    """A metric cannot be had; the message is upstream's."""


@dataclass(frozen=True, slots=True)
class PodReading:
    """One pod's: `value` thousandths, measured over `window` up to `at`."""

    value: int
    at: datetime
    window: timedelta = DEFAULT_WINDOW


PodReadings = dict[str, PodReading]
RowOf = Callable[[CrossVersionObjectReference], Awaitable[Resource]]


class Meters:
    """Reads metrics as a client; `row_of` finds the resource of an object that a custom metric describes."""

    def __init__(self, client: Client, row_of: RowOf, versions: Versions) -> None:
        self._client, self._row_of, self._versions = client, row_of, versions

    async def resource(self, namespace: str, name: str, selector: str, container: str = "") -> PodReadings:
        """Return what pods use of a resource. Raises ReadingError."""
        path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods"
        try:
            answer = await self._client.raw("GET", path, query={"labelSelector": selector})
            found = msgspec.json.decode(answer.body, type=PodMetricsList, strict=False)
            return _of_resource(found, name, container)
        except (ApiError, OSError, msgspec.MsgspecError, QuantityError, ValueError) as error:
            text = _said(error, "get pods.metrics.k8s.io")
            raise ReadingError(f"unable to fetch metrics from resource metrics API: {text}") from error

    async def pods(self, namespace: str, metric: str, selector: str, metric_selector: str) -> PodReadings:
        """Return a custom metric of pods. Raises ReadingError."""
        query = {"labelSelector": selector, "metricLabelSelector": metric_selector}
        items = await self._custom(f"namespaces/{namespace}/pods/*/{metric}", query, "pods.custom.metrics.k8s.io *")
        if not items:
            raise ReadingError("no metrics returned from custom metrics API")
        try:
            return {item["describedObject"]["name"]: _pod_reading(item) for item in items}
        except (KeyError, TypeError, ValueError) as error:
            raise ReadingError(f"unable to fetch metrics from custom metrics API: {error}") from error

    async def object(self, namespace: str, metric: str, described: CrossVersionObjectReference, metric_selector: str) -> int:
        """Return a custom metric of one object. Raises ReadingError."""
        query = {"metricLabelSelector": metric_selector}
        if described.kind == "Namespace" and "/" not in described.apiVersion:
            path, shown = f"namespaces/{namespace}/metrics/{metric}", f"namespaces.custom.metrics.k8s.io {namespace}"
        else:
            try:
                plural = (await self._row_of(described)).group_resource
            except (ApiError, OSError) as error:
                text = f"unable to map kind {_group_kind(described)} to resource: {error}"
                raise ReadingError(f"unable to fetch metrics from custom metrics API: {text}") from error
            path, shown = f"namespaces/{namespace}/{plural}/{described.name}/{metric}", f"{plural}.custom.metrics.k8s.io {described.name}"
        items = await self._custom(path, query, shown)
        if len(items) != 1:
            text = f"the custom metrics API server returned {len(items)} results when we asked for exactly one"
            raise ReadingError(f"unable to fetch metrics from custom metrics API: {text}")
        return _value(items[0], "custom")

    async def external(self, namespace: str, metric: str, selector: str) -> list[int]:
        """Return all values of an external metric. Raises ReadingError."""
        path = f"/apis/external.metrics.k8s.io/v1beta1/namespaces/{namespace}/{metric}"
        items = await self._items(path, {"labelSelector": selector}, "external", f"get {metric}.external.metrics.k8s.io")
        if not items:
            raise ReadingError("no metrics returned from external metrics API")
        return [_value(item, "external") for item in items]

    async def _custom(self, path: str, query: Mapping[str, str], shown: str) -> Sequence[Any]:
        try:
            version = await self._versions.custom(self._client)
        except (ApiError, OSError) as error:
            text = "no custom metrics API (custom.metrics.k8s.io) registered" if isinstance(error, NotFoundError) else str(error)
            raise ReadingError(f"unable to fetch metrics from custom metrics API: {text}") from error
        return await self._items(f"/apis/custom.metrics.k8s.io/{version}/{path}", query, "custom", f"get {shown}")

    async def _items(self, path: str, query: Mapping[str, str], kind: str, shown: str) -> Sequence[Any]:
        given = {name: value for name, value in query.items() if value}
        try:
            answer = await self._client.raw("GET", path, query=given)
            return msgspec.json.decode(answer.body, type=_Items).items
        except (ApiError, OSError, msgspec.MsgspecError) as error:
            raise ReadingError(f"unable to fetch metrics from {kind} metrics API: {_said(error, shown)}") from error


class Versions:
    """Which version of custom.metrics.k8s.io the server prefers, asked again every ten minutes."""

    def __init__(self) -> None:
        self._known: tuple[float, str] | None = None

    async def custom(self, client: Client) -> str:
        """Return it. Raises ApiError, OSError."""
        now = client.clock.monotonic()
        if self._known is None or self._known[0] < now:
            answer = await client.raw("GET", "/apis/custom.metrics.k8s.io")
            group = msgspec.json.decode(answer.body, type=_Group)
            self._known = (now + 600, group.preferredVersion.version)
        return self._known[1]


class _Items(msgspec.Struct):
    items: list[dict[str, Any]] = []


class _Version(msgspec.Struct):
    version: str = ""


class _Group(msgspec.Struct):
    preferredVersion: _Version


def _of_resource(found: PodMetricsList, name: str, container: str) -> PodReadings:
    """Add up the containers of each pod, or take the one; a pod where it is missing is left out."""
    if not found.items:
        raise ReadingError("no metrics returned from resource metrics API")
    readings: PodReadings = {}
    for item in found.items:
        amounts = [one.usage.get(name) for one in item.containers if container in ("", one.name)]
        if amounts and None not in amounts:
            total = sum(parse(amount).milli_value() for amount in amounts if amount is not None)
            readings[item.metadata.name] = PodReading(total, parse_time(item.timestamp), timedelta(seconds=parse_duration(item.window)))
    return readings


def _pod_reading(item: dict[str, Any]) -> PodReading:
    seconds = item.get("windowSeconds", item.get("window"))
    window = DEFAULT_WINDOW if seconds is None else timedelta(seconds=int(seconds))
    return PodReading(_value(item, "custom"), parse_time(item["timestamp"]), window)


def _value(item: dict[str, Any], kind: str) -> int:
    try:
        return parse(str(item["value"])).milli_value()
    except (KeyError, QuantityError) as error:
        raise ReadingError(f"unable to fetch metrics from {kind} metrics API: {error}") from error


def _said(error: Exception, request: str) -> str:
    """Return an error as upstream's client words it, where a server that is no API server answered in plain text."""
    if isinstance(error, ApiError) and error.code == 503:  # noqa: PLR2004 - Service Unavailable
        return f"the server is currently unable to handle the request ({request})"
    if isinstance(error, NotFoundError) and ("404" in error.message or error.message.startswith("the server could not")):
        return f"the server could not find the requested resource ({request})"
    return str(error)


def _group_kind(described: CrossVersionObjectReference) -> str:
    group = described.apiVersion.rpartition("/")[0]
    return f"{described.kind}.{group}" if group else described.kind
