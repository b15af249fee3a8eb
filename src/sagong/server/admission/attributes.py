"""What webhooks and policies are told of a write: its kind, name, options, and its objects as any version of the resource has them.

Inside of the pipeline objects are in their storage version, a scale is its workload, and a connection has no object at all. Here
they are what the client sent: in the version of the request or an equivalent one, a Scale, a PodExecOptions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sagong.api.resources import Resource
from sagong.server.admission.plugin import Review
from sagong.server.registry import versions
from sagong.server.registry.storage import to_dict

_OPTIONS = {"CREATE": "CreateOptions", "UPDATE": "UpdateOptions", "DELETE": "DeleteOptions"}
_META = "meta.k8s.io/v1"


class Kind(NamedTuple):
    """A kind in full."""

    group: str
    version: str
    kind: str

    @property
    def api_version(self) -> str:
        """`v1` or `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version


@dataclass(frozen=True, slots=True)
class Seen:
    """The objects of a write as one version (`row`) has them, as plain JSON; None where there is none. Not to be changed."""

    row: Resource
    kind: Kind
    object: dict[str, Any] | None
    old: dict[str, Any] | None


def kind_of(row: Resource, subresource: str) -> Kind:
    """Return the kind that an endpoint speaks: mostly the resource's own."""
    sub = row.subresource(subresource) if subresource else None
    if sub is None:
        return Kind(row.group, row.version, row.kind)
    return Kind(sub.group or row.group, sub.version or row.version, sub.kind or row.kind)


def name_of(review: Review) -> str:
    """Return the object's name; "" while it is still to be generated."""
    meta = getattr(review.obj, "metadata", None)
    return review.call.name or (meta.name if meta is not None else "")


def namespace_of(review: Review) -> str:
    """Return the namespace that the write is in: a Namespace is in itself."""
    if (review.row.group, review.row.plural) == ("", "namespaces"):
        return name_of(review)
    return review.namespace


def labels_of(review: Review, obj: Any) -> dict[str, str] | None:
    """Return the labels of one of the write's objects as the client sees it; None for what has no metadata."""
    meta = getattr(obj, "metadata", None)
    if meta is None:
        return None
    labels: dict[str, str] = {} if review.call.subresource == "scale" else meta.labels
    return labels


def options_of(review: Review) -> dict[str, Any] | None:
    """Return the options of the operation; a connection has none."""
    kind = _OPTIONS.get(review.operation)
    if kind is None:
        return None
    options = review.call.options
    said = options if isinstance(options, dict) else to_dict(options) if options is not None else {}
    return {**said, "kind": kind, "apiVersion": _META}


def equivalents(review: Review) -> Sequence[Resource]:
    """Return the other versions under which the write could have come."""
    sub = review.call.subresource
    return [row for row in versions.siblings(review.row) if row is not review.row and (not sub or row.subresource(sub) is not None)]


async def see(review: Review, row: Resource) -> Seen:
    """Return the objects as `row`, the resource of the review or an equivalent one, has them."""
    kind = kind_of(row, review.call.subresource)
    if row.module is None and row is not review.row:
        return Seen(row, kind, *[await _converted(review, row, obj) for obj in (review.obj, review.old)])
    return Seen(row, kind, _plain(row, kind, review.obj), _plain(row, kind, review.old))


async def _converted(review: Review, row: Resource, obj: Any) -> dict[str, Any] | None:
    """Return a custom resource in another version than that of the request."""
    if obj is None or review.call.subresource == "scale":
        return _plain(review.row, kind_of(row, review.call.subresource), obj)
    (found,) = await row.extra.kind.converter.convert([to_dict(obj)], row.api_version)
    converted: dict[str, Any] = found
    return converted


def _plain(row: Resource, kind: Kind, obj: Any) -> dict[str, Any] | None:
    if obj is None or isinstance(obj, dict):
        return obj
    if kind.kind == "Scale":
        from sagong.server.registry.scale import scale_at  # noqa: PLC0415 - few ask for it

        obj = scale_at(row, obj)
    elif kind.kind == row.kind:
        obj = versions.to_served(row, obj)
    return {"apiVersion": kind.api_version, "kind": kind.kind, **_without_head(to_dict(obj))}


def _without_head(plain: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in plain.items() if name not in ("apiVersion", "kind")}


async def put(review: Review, seen: Seen, content: dict[str, Any]) -> None:
    """Take `content`, what became of `seen.object`, as the write's object: read again, with defaults. Raises ApiError."""
    from sagong.api import codec  # noqa: PLC0415 - reading comes with the first write
    from sagong.server.registry.body import finish  # noqa: PLC0415 - see registry/serving.py
    from sagong.server.registry.storage import from_dict  # noqa: PLC0415

    row, kind = seen.row, seen.kind
    if isinstance(review.obj, dict):
        review.obj = content
    elif kind.kind == "Scale":
        from sagong.api.types.autoscaling_v1 import Scale  # noqa: PLC0415 - few ask for it
        from sagong.server.registry.scale import set_scale  # noqa: PLC0415

        review.obj = set_scale(row, review.obj, codec.from_builtins(content, Scale, strict="Ignore").obj)
    elif kind.kind != row.kind:
        review.obj = codec.from_builtins(content, type(review.obj), strict="Ignore").obj
    elif row.module is None:
        decoded = codec.from_builtins(content, row, strict="Ignore", coerce=row.extra.coerce).obj
        if row is not review.row:
            row.extra.complete(obj := from_dict(decoded))
            (decoded,) = await row.extra.kind.converter.convert([to_dict(obj)], review.row.api_version)
            review.row.extra.coerce(decoded)
        review.obj = finish(review.row, from_dict(decoded))
    else:
        review.obj = finish(row, codec.from_builtins(content, row, strict="Ignore").obj)
