"""What the runtime says it can do, by handler where it differs (KEP-3857, KEP-127, KEP-3619)."""

from __future__ import annotations

from dataclasses import dataclass, field

from sagong.node.cri import api_pb2 as cri


@dataclass
class RuntimeFeatures:
    """The latest word of the runtime. Older runtimes say nothing, and then it is taken that they cannot."""

    strict_groups: bool = False
    """it can leave out the groups that an image's /etc/group adds"""
    _handlers: dict[str, cri.RuntimeHandlerFeatures] = field(default_factory=dict)

    def take(self, status: cri.StatusResponse) -> None:
        """Take a new word."""
        self.strict_groups = status.features.supplemental_groups_policy
        self._handlers = {handler.name: handler.features for handler in status.runtime_handlers}

    def recursive_read_only(self, handler: str) -> bool:
        """Tell whether mounts below a read-only mount can be read-only too; "" is the default handler."""
        return handler in self._handlers and self._handlers[handler].recursive_read_only_mounts

    def user_namespaces(self, handler: str) -> bool:
        """Tell whether pods can have users of their own."""
        return handler in self._handlers and self._handlers[handler].user_namespaces
