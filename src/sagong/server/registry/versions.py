"""Kinds that are served under a version other than the one they are stored in.

Writes, strategies and validation see the storage version; only bodies and answers see the other. `row.module` None (custom
resources) is left to the definitions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagong.api.resources import TABLE, Resource


def _hpa_to_served(obj: Any) -> Any:
    from sagong.server.registry import convert_hpa  # noqa: PLC0415 - few ask for it

    return convert_hpa.to_v1(obj)


def _hpa_to_stored(obj: Any) -> Any:
    from sagong.server.registry import convert_hpa  # noqa: PLC0415 - few ask for it

    return convert_hpa.to_v2(obj)


def _event_to_served(obj: Any) -> Any:
    from sagong.server.registry import convert_events  # noqa: PLC0415 - few ask for it

    return convert_events.to_events(obj)


def _event_to_stored(obj: Any) -> Any:
    from sagong.server.registry import convert_events  # noqa: PLC0415 - few ask for it

    return convert_events.to_core(obj)


_CONVERTED: dict[tuple[str, str, str], tuple[tuple[str, str, str], Callable[[Any], Any], Callable[[Any], Any]]] = {
    ("events.k8s.io", "v1", "events"): (("", "v1", "events"), _event_to_served, _event_to_stored),
    ("autoscaling", "v1", "horizontalpodautoscalers"): (
        ("autoscaling", "v2", "horizontalpodautoscalers"),
        _hpa_to_served,
        _hpa_to_stored,
    ),
}
_GROUPS = {key[0] for key in _CONVERTED}


def is_stored(row: Resource) -> bool:
    """Tell whether `row` is the storage version of its objects: mostly it is."""
    return row.group not in _GROUPS or (row.group, row.version, row.plural) not in _CONVERTED


def stored_row(row: Resource) -> Resource:
    """Return the row whose version is the storage version of `row`'s objects."""
    if row.module is None:
        stored: Resource = row.extra.kind.storage.row
        return stored
    if is_stored(row):
        return row
    return TABLE.by_path(*_CONVERTED[row.group, row.version, row.plural][0]) or row


def siblings(row: Resource) -> list[Resource]:
    """Return all versions of `row`'s objects, itself among them; most kinds have but one."""
    if row.module is None:
        versions: list[Resource] = row.extra.kind.rows
        return versions
    stored = stored_row(row)
    keys = [key for key, (target, _, _) in _CONVERTED.items() if target == (stored.group, stored.version, stored.plural)]
    return [stored, *(found for key in keys if (found := TABLE.by_path(*key)) is not None)]


def to_served(row: Resource, obj: Any) -> Any:
    """Return a stored object as `row` serves it."""
    return obj if is_stored(row) else _CONVERTED[row.group, row.version, row.plural][1](obj)


def to_stored(row: Resource, obj: Any) -> Any:
    """Return an object of `row` in its storage version."""
    return obj if is_stored(row) else _CONVERTED[row.group, row.version, row.plural][2](obj)


def judged(row: Resource, obj: Any) -> Any:
    """Return a stored object as validation sees it: events are judged by the version that is written, others as they are stored."""
    return obj if row.group != "events.k8s.io" or obj is None else to_served(row, obj)


def kind_group(row: Resource) -> str:
    """Return the group of the kind that an object is said to be when it is invalid: that in which it is stored."""
    return row.group if is_stored(row) else stored_row(row).group
