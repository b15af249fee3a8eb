from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sagong.api.normalize import NormalizeError, canonical_time, normalize
from sagong.api.quantity import QuantityError
from sagong.api.resources import BUILT_IN
from sagong.api.types import autoscaling, coordination, core, networking


def test_quantities_and_times_of_a_pod() -> None:
    pod = msgspec.convert(
        {
            "metadata": {"creationTimestamp": "2026-01-01T09:00:00+09:00"},
            "spec": {
                "containers": [
                    {
                        "name": "c",
                        "resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}, "requests": {"cpu": "0.1m"}},
                        "env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}],
                    }
                ],
                "volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1000Ki"}}],
            },
        },
        core.Pod,
    )
    normalize(pod)
    resources = pod.spec.containers[0].resources
    assert resources.limits == {"cpu": "500m", "memory": "1Gi"}
    assert resources.requests == {"cpu": "1m"}
    source = pod.spec.containers[0].env[0].valueFrom
    assert source is not None
    assert source.resourceFieldRef is not None
    assert source.resourceFieldRef.divisor == "0"
    assert pod.metadata.creationTimestamp == "2026-01-01T00:00:00Z"
    assert pod.spec.volumes[0].emptyDir is not None
    assert pod.spec.volumes[0].emptyDir.sizeLimit == "1000Ki"


@pytest.mark.parametrize(
    ("text", "kind", "wanted"),
    [
        ("2026-01-01T00:00:00Z", "time", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00.987Z", "time", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00.5Z", "micro-time", "2026-01-01T00:00:00.500000Z"),
        ("2026-01-01T00:00:00.1234567-01:00", "micro-time", "2026-01-01T01:00:00.123456Z"),
    ],
)
def test_times(text: str, kind: str, wanted: str) -> None:
    assert canonical_time(text, kind) == wanted


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01T00:00:00Z", "2026-01-01", "2026-01-01T00:00:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(NormalizeError, match=f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00"'):
        canonical_time(text)


def test_bad_quantity_is_refused() -> None:
    with pytest.raises(QuantityError):
        normalize(core.ResourceQuota(spec=core.ResourceQuotaSpec(hard={"pods": "many"})))


def test_other_shapes() -> None:
    lease = coordination.Lease(spec=coordination.LeaseSpec(renewTime="2026-01-01T00:00:00.000001Z"))
    normalize(lease)
    assert lease.spec.renewTime == "2026-01-01T00:00:00.000001Z"
    target = autoscaling.MetricTarget(type="Value", value="1000")
    metric = autoscaling.MetricSpec(type="Pods", pods=autoscaling.PodsMetricSource(target=target))
    normalize(autoscaling.HorizontalPodAutoscaler(spec=autoscaling.HorizontalPodAutoscalerSpec(metrics=[metric])))
    assert target.value == "1k"
    normalize(networking.NetworkPolicy())


@pytest.mark.parametrize("row", BUILT_IN, ids=lambda row: row.kind)
def test_every_kind_can_be_normalized(row: Any) -> None:
    obj = row.type()
    normalize(obj)
    assert obj == row.type()
