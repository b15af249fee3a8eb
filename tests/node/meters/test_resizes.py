"""What is asked of pods that run, against upstream's labels."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.exposed import exposed
from tests.node.builders import HandClock, pod
from tests.node.meters.page import read

from sagong.api.exposition import exposition
from sagong.node.allocations import Allocations
from sagong.node.cri.client import CriError
from sagong.node.events import PodEvents
from sagong.node.grants import Grants
from sagong.node.meter import KubeletMeter
from sagong.node.meters.resizes import waiting
from sagong.node.qos import Amounts
from sagong.node.resizer import ResizeError, Resizer

REQUESTED = {"container_requested_resizes_total": ("counter", {"resource", "requirement", "operation"})}


@pytest.mark.parametrize(
    ("before", "after", "counted"),
    [
        ("requests: {cpu: 100m}", "requests: {cpu: '0.1'}", set()),
        ("requests: {cpu: 100m}", "requests: {cpu: 200m}", {"cpu requests increase"}),
        ("limits: {memory: 2Mi, cpu: '1'}", "limits: {memory: 1Mi, cpu: '2'}", {"memory limits decrease", "cpu limits increase"}),
        ("", "requests: {memory: 1Mi}, limits: {memory: 1Mi}", {"memory requests add", "memory limits add"}),
        ("limits: {cpu: '1'}", "", {"cpu limits remove"}),
    ],
)
def test_each_amount_that_changes_is_counted(before: str, after: str, counted: set[str]) -> None:
    meter = KubeletMeter(HandClock())
    old, new = (pod(f"containers: [{{name: c, resources: {{{text}}}}}]") for text in (before, after))
    meter.resizes.asked(old, new)
    found = {f"{resource} {requirement} {operation}" for resource, requirement, operation in meter.resizes.requested.values}
    assert found == counted
    if counted:
        read(meter, REQUESTED)


class Cgroups:
    def __init__(self, clock: HandClock, error: Exception | None) -> None:
        self.clock, self.error = clock, error

    def amounts(self, _: object) -> Amounts:
        return Amounts(2)

    def resize_pod(self, *_: object) -> None:
        self.clock.move(0.25)
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize(("error", "success"), [(None, "true"), (OSError("no"), "false")])
async def test_a_resize_is_timed_by_how_it_ends(error: Exception | None, success: str) -> None:
    clock = HandClock()
    meter = KubeletMeter(clock)

    async def update(*_: object) -> None:
        raise CriError("UNIMPLEMENTED", "not this one")

    parts: Any = SimpleNamespace(update_sandbox_resources=update)
    resizer = Resizer(parts, Cgroups(clock, error), parts, Allocations(None), clock, meter.resizes)  # type: ignore[arg-type] # the part that is used
    try:
        await resizer.resize(pod("containers: [{name: c, resources: {requests: {cpu: '1'}}}]"), (), "s")
    except ResizeError:
        assert error is not None
    samples = read(meter, {"pod_resize_duration_milliseconds": ("histogram", {"success"})})
    assert samples[f'pod_resize_duration_milliseconds_sum{{success="{success}"}}'] == 250


def test_a_resize_that_had_to_wait_is_counted_with_what_let_it_in() -> None:
    clock, of = HandClock(), pod("containers: [{name: c}]")
    meter = KubeletMeter(clock)
    events = PodEvents(SimpleNamespace(event=lambda *_: None))
    workers: Any = [
        SimpleNamespace(resizing=True, wanted=of, pod=of, deferred_since=since, grant=lambda: None)
        for since in ("2026-01-02T03:04:05Z", "")
    ]
    Grants(Allocations(None), lambda: workers, lambda _pod, _others: None, events, clock, meter=meter.resizes).look("pods_removed")
    samples = read(meter, {"pod_deferred_accepted_resizes_total": ("counter", {"retry_trigger"})})
    assert samples['pod_deferred_accepted_resizes_total{retry_trigger="pods_removed"}'] == 1, "the other did not wait"


def test_what_waits_and_what_goes_on_are_told_when_the_page_is_read() -> None:
    found, samples = exposed(exposition(waiting(["Deferred", "Deferred"], 3)))
    assert found == {"kubelet_pod_pending_resizes": ("gauge", {"reason"}), "kubelet_pod_in_progress_resizes": ("gauge", set())}
    assert samples == {'kubelet_pod_pending_resizes{reason="deferred"}': 2, "kubelet_pod_in_progress_resizes": 3}
