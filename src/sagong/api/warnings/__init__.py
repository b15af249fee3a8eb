"""What the writer of a sound object is told all the same: fields that are deprecated, ignored, or hardly meant as they are written.

One module for each few kinds; each has a TABLE of kind -> Warner, and is imported with the first object of such a kind.
A path is text; `at` is what goes before it: `""` in a pod, `spec.template.` in a deployment.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

from sagong.api.types.base import ApiStruct
from sagong.api.warnings.warner import Warner

__all__ = ["warnings_of"]

# The module that warns about a kind, by the module of its type and its name; the other kinds have no warnings.
_CORE = {
    "Endpoints": "networking",
    "Node": "nodes",
    "PersistentVolume": "storage",
    "PersistentVolumeClaim": "storage",
    "Pod": "pods",
    "PodTemplate": "workloads",
    "ReplicationController": "workloads",
    "ResourceQuota": "core",
    "Secret": "core",
    "Service": "services",
    "ServiceAccount": "core",
}
_MODULES = {
    "admissionregistration": "extension",
    "apiextensions": "extension",
    "apps": "workloads",
    "batch": "workloads",
    "discovery": "networking",
    "networking": "networking",
    "node": "nodes",
    "resource": "storage",
    "storage": "storage",
}


@functools.cache
def _warner(kind: type) -> Warner | None:
    package, _, name = kind.__module__.rpartition(".")
    module = _CORE.get(kind.__name__, "") if name == "core" else _MODULES.get(name, "")
    if package != "sagong.api.types" or not module:
        return None
    table: dict[type, Warner] = importlib.import_module(f"sagong.api.warnings.{module}").TABLE
    return table.get(kind)


def warnings_of(new: Any, old: Any = None, subresource: str = "") -> list[str]:
    """Return what to tell about a write of an object that is valid; `old` None: it is new. A scale is a write of the whole object."""
    kind: type[ApiStruct] = type(new)
    warner = _warner(kind)
    if warner is None:
        return []
    if subresource == "status":
        return warner.status(new)
    return warner.write(new, old) if subresource in ("", "scale") else []
