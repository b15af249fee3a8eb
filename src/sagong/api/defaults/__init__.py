"""Defaulting: what the API server writes into the fields that a client left out (upstream's SetDefaults functions).

One module per group, or a few small groups together; each has a TABLE of kind -> function that works in place.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

from sagong.api.defaults.twins import sync_twins
from sagong.api.types.base import ApiStruct

__all__ = ["apply_defaults", "sync_twins"]

# The module with the defaults of a kind by the module of its type.
_MODULES = {
    **{name: name for name in ("apps", "autoscaling", "batch", "core", "flowcontrol", "networking", "rbac", "resource", "storage")},
    **dict.fromkeys(("admissionregistration", "apiextensions", "apiregistration", "authentication"), "extension"),
    "autoscaling_v1": "autoscaling",
    "discovery": "networking",
    "scheduling": "storage",
}


@functools.cache
def _function(kind: type) -> Callable[[Any], None] | None:
    """Return what defaults a kind; the module that has it is imported with the first object of its group."""
    package, _, name = kind.__module__.rpartition(".")
    if package != "sagong.api.types" or name not in _MODULES:
        return None
    table: dict[type, Callable[[Any], None]] = importlib.import_module(f"sagong.api.defaults.{_MODULES[name]}").TABLE
    return table.get(kind)


def apply_defaults(obj: Any) -> None:
    """Default a typed object in place; a kind without defaults, and a custom resource, is left as it is."""
    kind: type[ApiStruct] = type(obj)
    function = _function(kind)
    if function is not None:
        function(obj)
