"""The discovery documents of the group, and its OpenAPI (made when first asked for)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sagong.metrics.objects import API_VERSION, GROUP, VERSION

if TYPE_CHECKING:
    from sagong.api.openapi.documents import Documents

_READ = ["get", "list"]
RESOURCES: Mapping[str, tuple[str, str, bool]] = {
    "nodes": ("nodemetrics", "NodeMetrics", False),
    "pods": ("podmetrics", "PodMetrics", True),
}
"""Singular, kind, and whether namespaced, by plural."""
_PREFERRED = {"groupVersion": API_VERSION, "version": VERSION}
_GROUP = {"name": GROUP, "versions": [_PREFERRED], "preferredVersion": _PREFERRED}

AGGREGATED_MEDIA = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
AGGREGATED = {
    "kind": "APIGroupDiscoveryList",
    "apiVersion": "apidiscovery.k8s.io/v2",
    "metadata": {},
    "items": [
        {
            "metadata": {"name": GROUP, "creationTimestamp": None},
            "versions": [
                {
                    "version": VERSION,
                    "resources": [
                        {
                            "resource": plural,
                            "responseKind": {"group": "", "version": "", "kind": kind},
                            "scope": "Namespaced" if namespaced else "Cluster",
                            "singularResource": singular,
                            "verbs": _READ,
                        }
                        for plural, (singular, kind, namespaced) in RESOURCES.items()
                    ],
                    "freshness": "Current",
                }
            ],
        }
    ],
}
LEGACY: Mapping[str, Mapping[str, Any]] = {
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_GROUP]},
    f"/apis/{GROUP}": {"kind": "APIGroup", "apiVersion": "v1", **_GROUP},
    f"/apis/{API_VERSION}": {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": API_VERSION,
        "resources": [
            {"name": plural, "singularName": singular, "namespaced": namespaced, "kind": kind, "verbs": _READ}
            for plural, (singular, kind, namespaced) in RESOURCES.items()
        ],
    },
}

_TIME = {"type": "string", "format": "date-time"}
_USAGE = {
    "type": "object",
    "description": "The memory usage is the memory working set.",
    "additionalProperties": {"type": "string"},
}
_INTERVAL = {"timestamp": _TIME, "window": {"type": "string", "description": "The interval that ends at the timestamp."}}
_CONTAINER = {
    "type": "object",
    "required": ["name", "usage"],
    "properties": {"name": {"type": "string"}, "usage": _USAGE},
}
_SCHEMAS: Mapping[str, dict[str, Any]] = {
    "NodeMetrics": {
        "type": "object",
        "description": "What a node uses.",
        "required": ["timestamp", "window", "usage"],
        "properties": {**_INTERVAL, "usage": _USAGE},
    },
    "PodMetrics": {
        "type": "object",
        "description": "What the containers of a pod use.",
        "required": ["timestamp", "window", "containers"],
        "properties": {**_INTERVAL, "containers": {"type": "array", "items": _CONTAINER}},
    },
}


def openapi() -> Documents:
    """Return the maker of the OpenAPI documents."""
    from sagong.api.openapi.documents import Documents  # noqa: PLC0415 - much to load, and seldom asked for
    from sagong.api.resources import Resource, ResourceTable  # noqa: PLC0415 - the same

    rows = [
        Resource(GROUP, VERSION, kind, plural, singular, namespaced=namespaced, verbs=tuple(_READ), list_kind=f"{kind}List")
        for plural, (singular, kind, namespaced) in RESOURCES.items()
    ]
    return Documents(ResourceTable(rows), VERSION, lambda row: _SCHEMAS[row.kind])
