"""Defaulting: what the API server writes into the fields that a client left out (upstream's SetDefaults functions).

One module per group, or a few small groups together; each has a TABLE of kind -> function that works in place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagong.api.defaults import apps, autoscaling, batch, core, extension, flowcontrol, networking, rbac, resource, storage
from sagong.api.defaults.twins import sync_twins

__all__ = ["apply_defaults", "sync_twins"]

_TABLE: dict[type, Callable[[Any], None]] = {}
for _module in (apps, autoscaling, batch, core, extension, flowcontrol, networking, rbac, resource, storage):
    _TABLE.update(_module.TABLE)


def apply_defaults(obj: Any) -> None:
    """Default a typed object in place; a kind without defaults, and a custom resource, is left as it is."""
    function = _TABLE.get(type(obj))
    if function is not None:
        function(obj)
