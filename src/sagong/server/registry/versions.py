"""Kinds that are served under a version other than the one they are stored in."""

from __future__ import annotations

from typing import Any

from sagong.api.resources import TABLE, Resource

_STORED_AS = {
    ("events.k8s.io", "v1", "events"): ("", "v1", "events"),
    ("autoscaling", "v1", "horizontalpodautoscalers"): ("autoscaling", "v2", "horizontalpodautoscalers"),
}


def stored_row(row: Resource) -> Resource:
    """Return the row whose version is the storage version of `row`'s objects: mostly itself."""
    stored = _STORED_AS.get((row.group, row.version, row.plural))
    return row if stored is None else TABLE.by_path(*stored) or row


def to_served(row: Resource, obj: Any) -> Any:  # noqa: ARG001
    """Return a stored object as `row` serves it."""
    return obj


def to_stored(row: Resource, obj: Any) -> Any:  # noqa: ARG001
    """Return an object of `row` in its storage version."""
    return obj
