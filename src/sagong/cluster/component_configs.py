"""The configuration files of the components that take one: the API server and the kubelet."""

from __future__ import annotations

from sagong.cluster.config import ClusterConfig


def write(cluster: ClusterConfig) -> None:
    """Write both."""
