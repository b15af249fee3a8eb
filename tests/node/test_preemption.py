"""Which pods make room for a critical one."""

from __future__ import annotations

import pytest
from tests.node.observed import pod

from sagong.api.types.core import Pod
from sagong.node.preemption import NoRoomError, victims

GI = 1 << 30


def other(name: str, cpu: str = "", memory: str = "", *, kind: str = "Burstable", priority: int | None = None) -> Pod:
    amounts = ", ".join(f"{key}: {value}" for key, value in (("cpu", cpu), ("memory", memory)) if value)
    limits = f", limits: {{{amounts}}}" if kind == "Guaranteed" else ""
    found = pod(f"containers: [{{name: c, resources: {{requests: {{{amounts}}}{limits}}}}}]")
    found.metadata.name, found.spec.priority = name, priority
    return found


CRITICAL = other("critical", priority=2_000_001_000)
BEST, SMALL, LARGE = other("best"), other("small", "100m", "1Gi"), other("large", "800m", "2Gi")
GUARANTEED = other("guaranteed", "500m", "1Gi", kind="Guaranteed")
SYSTEM = other("system", "4000m", "8Gi", priority=2_000_000_000)


@pytest.mark.parametrize(
    ("others", "missing", "expected"),
    [
        ([BEST, SMALL, LARGE, GUARANTEED], {}, []),
        ([BEST, SMALL, LARGE, GUARANTEED], {"cpu": 100}, ["small"]),
        ([BEST, SMALL, LARGE, GUARANTEED], {"cpu": 101}, ["large"]),
        ([BEST, SMALL, LARGE, GUARANTEED], {"cpu": 850}, ["large", "small"]),
        ([BEST, SMALL, LARGE, GUARANTEED], {"cpu": 1000}, ["large", "guaranteed"]),
        ([BEST, SMALL, LARGE, GUARANTEED], {"memory": 3 * GI, "cpu": 100}, ["large", "small"]),
        ([BEST, SMALL], {"pods": 1}, ["best"]),
        ([SMALL, LARGE], {"pods": 1}, ["small"]),
    ],
)  # fmt: skip
def test_few_and_of_low_classes(others: list[Pod], missing: dict[str, int], expected: list[str]) -> None:
    assert [found.metadata.name for found in victims(CRITICAL, others, missing)] == expected


def test_critical_pods_do_not_end_each_other_unless_one_matters_more() -> None:
    with pytest.raises(NoRoomError) as caught:
        victims(other("same", priority=2_000_000_000), [SYSTEM, SMALL], {"cpu": 500})
    assert str(caught.value) == "no set of running pods found to reclaim resources: [(res: cpu, q: 400), ]"
    assert [found.metadata.name for found in victims(CRITICAL, [SYSTEM, SMALL], {"cpu": 500})] == ["system"]
