"""The loop that counts quotas: what it plans, and what makes it count."""

from __future__ import annotations

from typing import Any

import pytest
from tests.controllers.world import START

from sagong.api.quantity import parse
from sagong.api.resources import resource_of
from sagong.api.types.core import Pod, PodStatus, ResourceQuota, ResourceQuotaSpec, ResourceQuotaStatus, Service, ServicePort, ServiceSpec
from sagong.api.types.meta import ObjectMeta
from sagong.controllers import resourcequota


def quota(hard: dict[str, str], counted: dict[str, str], used: dict[str, str]) -> ResourceQuota:
    meta = ObjectMeta(name="q", namespace="a")
    return ResourceQuota(metadata=meta, spec=ResourceQuotaSpec(hard=hard), status=ResourceQuotaStatus(hard=counted, used=used))


def test_counts_go_into_the_status_and_unknown_names_keep_their_value() -> None:
    found = resourcequota.plan(quota({"services": "5", "x": "1"}, {}, {"x": "1"}), {"services": parse("2")})
    (update,) = found.actions
    assert update.obj.status.hard == {"services": "5", "x": "1"}  # type: ignore[union-attr]  # an Update
    assert update.obj.status.used == {"services": "2", "x": "1"}  # type: ignore[union-attr]
    assert found.requeue_after == resourcequota.RESYNC


def test_nothing_is_written_when_the_count_is_right() -> None:
    found = resourcequota.plan(quota({"services": "5"}, {"services": "5"}, {"services": "2"}), {"services": parse("2")})
    assert (found.actions, found.requeue_after) == ((), resourcequota.RESYNC)


def test_what_lowers_a_count_is_counted_again_soon() -> None:
    found = resourcequota.plan(quota({"services": "5"}, {"services": "5"}, {"services": "2"}), {"services": parse("1")})
    assert (len(found.actions), found.requeue_after) == (1, resourcequota.RECHECK)


def test_only_new_limits_make_a_quota_be_counted() -> None:
    same, limited = quota({"pods": "1"}, {"pods": "1"}, {"pods": "1"}), quota({"pods": "2"}, {"pods": "1"}, {"pods": "1"})
    assert not resourcequota._limits_changed(same, same)
    assert resourcequota._limits_changed(same, limited)
    assert resourcequota._limits_changed(None, limited)
    assert not resourcequota._limits_changed(limited, None)


ROWS = {kind: resource_of(kind) for kind in (Pod, Service)}


def service(kind: str) -> Service:
    return Service(metadata=ObjectMeta(name="s"), spec=ServiceSpec(type=kind, ports=[ServicePort(port=80)]))


def pod(phase: str) -> Pod:
    return Pod(metadata=ObjectMeta(name="p"), status=PodStatus(phase=phase))


@pytest.mark.parametrize(
    ("old", "new", "freed"),
    [
        (None, service("NodePort"), False),
        (service("NodePort"), None, True),
        (service("NodePort"), service("ClusterIP"), True),
        (service("ClusterIP"), service("NodePort"), False),
        (pod("Pending"), pod("Running"), False),
        (pod("Running"), pod("Succeeded"), True),
    ],
)
def test_what_frees_something_makes_its_quotas_be_counted(old: Any, new: Any, *, freed: bool) -> None:
    """What comes is charged by admission: a count that does not see it yet would take the charge back."""
    assert resourcequota._freed(ROWS[type(new or old)], old, new, START) is freed
