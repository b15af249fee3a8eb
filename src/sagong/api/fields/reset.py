"""The fields that a write cannot set through a given endpoint, so that nobody comes to own them there."""

from __future__ import annotations

from collections.abc import Callable

from sagong.api.fields.field_set import SELF, Fields, Node, excluding, fields_of, minus
from sagong.api.resources import Resource

Filter = Callable[[Fields], Fields]

_SPEC_AND_METADATA = frozenset({"apiservices", "flowschemas", "prioritylevelconfigurations", "resourceclaims", "servicecidrs"}) | {
    "validatingadmissionpolicies",
    "volumeattachments",
}
_RESET: dict[tuple[str, str], tuple[str, ...]] = {
    ("certificatesigningrequests", ""): ("spec", "status"),
    ("certificatesigningrequests", "status"): ("spec", "status.conditions"),
    ("certificatesigningrequests", "approval"): ("spec", "status.certificate"),
    ("deployments", "status"): ("spec", "metadata.labels"),
    ("namespaces", "finalize"): ("status",),
    ("pods", "status"): ("spec", "metadata.deletionTimestamp", "metadata.ownerReferences"),
    **{(plural, "status"): ("spec", "metadata") for plural in _SPEC_AND_METADATA},
}
# Endpoints that set a few fields and nothing else; "*" is any item.
_ONLY: dict[tuple[str, str], tuple[str, ...]] = {
    ("pods", "ephemeralcontainers"): ("spec.ephemeralContainers",),
    ("pods", "resize"): tuple(
        f"spec.{part}.*.{name}" for part in ("containers", "initContainers") for name in ("resources", "resizePolicy")
    ),
}


def reset_filter(resource: Resource, subresource: str) -> Filter:
    """Return what takes the fields that this endpoint resets out of a set."""
    if resource.group == "" and (only := _ONLY.get((resource.plural, subresource))):
        matcher = _matcher(only)
        return lambda fields: _matching(fields, matcher) or {}
    paths = fields_of(*_reset_paths(resource, subresource))
    return lambda fields: excluding(fields, paths)


def _reset_paths(resource: Resource, subresource: str) -> tuple[str, ...]:
    if resource.module is None:
        has_status = resource.subresource("status") is not None
        return ("metadata", "spec") if subresource == "status" else ("status",) if has_status else ()
    if paths := _RESET.get((resource.plural, subresource)):
        return paths
    if subresource == "status":
        return ("spec",)
    return ("status",) if not subresource and resource.subresource("status") else ()


def _matcher(paths: tuple[str, ...]) -> Node:
    root: Node = {}
    for path in paths:
        node = root
        for name in path.split("."):
            node = node.setdefault("*" if name == "*" else f"f:{name}", {})
    return root


def _matching(node: Node, matcher: Node) -> Node | None:
    """Return the part of a node at or below the paths of the matcher."""
    kept: Node = {}
    for key, child in node.items():
        below = matcher.get(key, matcher.get("*"))
        if key == SELF or below is None:
            continue
        part = _matching(child, below) if below else child
        if part is not None:
            kept[key] = part
    return kept or None


_SERVERS = fields_of(
    *("apiVersion", "kind", "metadata"),
    *("metadata.name", "metadata.namespace", "metadata.creationTimestamp", "metadata.selfLink", "metadata.uid", "metadata.clusterName"),
    *("metadata.generation", "metadata.managedFields", "metadata.resourceVersion"),
)


def bare(fields: Fields) -> Fields:
    """Return the set without what the server itself fills in (`kind`, `metadata.name`, ...)."""
    return minus(fields, _SERVERS)
