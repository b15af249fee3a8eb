"""How custom resources are written: generation counts everything but metadata and, where it has a subresource, the status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sagong.server.registry.strategies import Circumstances, Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomStrategy(Strategy):
    """The strategy of one version of a definition. A PUT needs a resourceVersion and creates nothing."""

    has_status: bool = False
    unconditional_update: bool = False

    def prepare_create(self, obj: Any, circumstances: Circumstances) -> None:
        """Take off the status, which has an endpoint of its own."""
        del circumstances
        if self.has_status:
            obj.content.pop("status", None)
        obj.metadata.generation = 1

    def prepare_update(self, new: Any, old: Any, subresource: str, circumstances: Circumstances) -> None:
        """Keep the status, or keep all but the status."""
        del circumstances
        if subresource == "status":
            managers, version = new.metadata.managedFields, new.metadata.resourceVersion
            content = {name: value for name, value in old.content.items() if name != "status"}
            if "status" in new.content:
                content["status"] = new.content["status"]
            new.apiVersion, new.kind, new.content, new.metadata = old.apiVersion, old.kind, content, old.metadata.copy()
            new.metadata.managedFields, new.metadata.resourceVersion = managers, version
            return
        if self.has_status:
            new.content.pop("status", None)
            if "status" in old.content:
                new.content["status"] = old.content["status"]
        if new.content != old.content:
            new.metadata.generation = old.metadata.generation + 1
