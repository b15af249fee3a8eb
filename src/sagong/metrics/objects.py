"""NodeMetrics and PodMetrics of what is used, in JSON, as themselves and as rows of a Table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sagong.api.clock import format_time
from sagong.api.go_values import format_duration
from sagong.api.quantity import NANO, ZERO, Quantity, of, parse
from sagong.api.types.meta import ObjectMeta
from sagong.api.types.metrics import ContainerMetrics, NodeMetrics, PodMetrics
from sagong.metrics.usage import Usage, Used

GROUP, VERSION = "metrics.k8s.io", "v1beta1"
API_VERSION = f"{GROUP}/{VERSION}"


def node_metrics(name: str, labels: Mapping[str, str], usage: Usage) -> NodeMetrics:
    """Return a node's object."""
    return NodeMetrics(
        apiVersion=API_VERSION,
        kind="NodeMetrics",
        metadata=_meta(ObjectMeta(name=name), labels, usage),
        timestamp=_time(usage.at),
        window=format_duration(usage.window),
        usage=_resources(usage.of[""]),
    )


def pod_metrics(namespace: str, name: str, labels: Mapping[str, str], usage: Usage) -> PodMetrics:
    """Return a pod's object."""
    return PodMetrics(
        apiVersion=API_VERSION,
        kind="PodMetrics",
        metadata=_meta(ObjectMeta(name=name, namespace=namespace), labels, usage),
        timestamp=_time(usage.at),
        window=format_duration(usage.window),
        containers=[ContainerMetrics(name=container, usage=_resources(used)) for container, used in usage.of.items()],
    )


def table(objects: Sequence[NodeMetrics | PodMetrics], version: str) -> dict[str, Any]:
    """Return a meta.k8s.io Table, for clients that print."""
    columns = [("Name", "name", "Name of the resource"), ("cpu", "", ""), ("memory", "", ""), ("Window", "duration", "")]
    return {
        "kind": "Table",
        "apiVersion": f"meta.k8s.io/{version}",
        "metadata": {},
        "columnDefinitions": [
            {"name": name, "type": "string", "format": form, "description": words, "priority": 0} for name, form, words in columns
        ],
        "rows": [{"cells": _cells(one), "object": _partial(one, version)} for one in objects],
    }


def _meta(meta: ObjectMeta, labels: Mapping[str, str], usage: Usage) -> ObjectMeta:
    meta.labels, meta.creationTimestamp = dict(labels), _time(usage.at)
    return meta


def _time(at: float) -> str:
    return format_time(datetime.fromtimestamp(at, UTC))


def _resources(used: Used) -> dict[str, str]:
    return {"cpu": str(Quantity(round(used.cores * NANO))), "memory": str(of(int(used.memory), "BinarySI"))}


def _cells(one: NodeMetrics | PodMetrics) -> list[str]:
    parts = [one.usage] if isinstance(one, NodeMetrics) else [container.usage for container in one.containers]
    sums = [sum((parse(part[name]) for part in parts), ZERO) for name in ("cpu", "memory")]
    return [one.metadata.name, *map(str, sums), one.window]


def _partial(one: NodeMetrics | PodMetrics, version: str) -> dict[str, Any]:
    return {"kind": "PartialObjectMetadata", "apiVersion": f"meta.k8s.io/{version}", "metadata": one.metadata}
