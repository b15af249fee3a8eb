"""What a pod's RuntimeClass means on this node: the runtime's handler, and what that can do for the pod."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sagong.api.types.core import Pod
from sagong.node.cri import api_pb2 as cri
from sagong.node.ports import ContainerConfigError
from sagong.node.runtime_features import RuntimeFeatures
from sagong.node.user_namespaces import NoRangeError, UserNamespaces


@dataclass(frozen=True)
class RuntimeClasses:
    """The handlers of one node."""

    lookup: Callable[[str], str | None]
    """the handler of a RuntimeClass's name, None when there is no such class"""
    features: RuntimeFeatures
    namespaces: UserNamespaces

    def handler(self, name: str) -> str | None:
        """Return the handler of a RuntimeClass's name, "" for the default; None when there is no such class."""
        return self.lookup(name) if name else ""

    def users(self, pod: Pod) -> cri.IDMapping | None:
        """Return the range of ids of a pod with users of its own. Raises ContainerConfigError, OSError."""
        if pod.spec.hostUsers is not False:
            return None
        handler = self.handler(pod.spec.runtimeClassName or "")
        if handler is None or not self.features.user_namespaces(handler):
            # refusing is safer than running the pod as the node's own users
            what = f'RuntimeClass handler "{handler}"' if handler else "runtime"
            raise ContainerConfigError(f"can't set `spec.hostUsers: false`, {what} does not support user namespaces")
        try:
            return self.namespaces.mapping(pod.metadata.uid)
        except NoRangeError as error:
            raise ContainerConfigError(str(error)) from error

    def recursive_read_only(self, pod: Pod) -> bool:
        """Tell whether mounts below a read-only mount of the pod can be read-only too."""
        handler = self.handler(pod.spec.runtimeClassName or "")
        return handler is not None and self.features.recursive_read_only(handler)
