"""Reads what a node's meters show."""

from __future__ import annotations

from collections.abc import Mapping

from tests.exposed import Exposed, exposed

from sagong.api.exposition import exposition
from sagong.node.meter import KubeletMeter


def read(meter: KubeletMeter, table: Mapping[str, Exposed], *, prefix: str = "kubelet_") -> dict[str, float]:
    """Return the samples by their names without the prefix; the families of the table must be there as upstream has them."""
    found, samples = exposed(exposition(meter.families()))
    assert {name: found.get(prefix + name) for name in table} == table
    return {name.removeprefix(prefix): value for name, value in samples.items()}
