"""What the queue is told of plugins."""

from __future__ import annotations

from tests.scheduler.builders import NO_CLIENT, Fixed, Objects, node, pod

from sagong.cluster.clock import RealClock
from sagong.scheduler.events import DELETE, NODE_ALLOCATABLE, Change
from sagong.scheduler.hints import Hints
from sagong.scheduler.plugins import Tools, default_profile
from sagong.scheduler.pod_info import PodInfo

HINTS = Hints([default_profile(Tools(NO_CLIENT, RealClock(), Objects(), Fixed()))])
SMALL, LARGE = node("a"), node("a", allocatable={"cpu": "8"})
POD_WENT = Change("Pod", DELETE, pod("x", cpu="1", on="a"), None)
NODE_GREW = Change("Node", NODE_ALLOCATABLE, SMALL, LARGE)


def test_who_listens() -> None:
    assert HINTS.listens({"NodeResourcesFit"}, POD_WENT)
    assert HINTS.listens({"NodeAffinity", "NodeResourcesFit"}, NODE_GREW)
    assert not HINTS.listens({"NodeAffinity"}, NODE_GREW)
    assert not HINTS.listens({"Unknown"}, POD_WENT)


def test_what_may_help_is_looked_at_closely() -> None:
    wanted = PodInfo.of(pod("p", cpu="3"))
    assert HINTS.may_help(wanted, {"NodeResourcesFit"}, NODE_GREW)
    assert not HINTS.may_help(wanted, {"NodeResourcesFit"}, Change("Node", NODE_ALLOCATABLE, LARGE, SMALL))
    assert not HINTS.may_help(wanted, {"NodeAffinity"}, NODE_GREW)


def test_pods_of_other_schedulers_are_nobodys() -> None:
    stranger = pod("p", cpu="3")
    stranger.spec.schedulerName = "other"
    assert not HINTS.may_help(PodInfo.of(stranger), {"NodeResourcesFit"}, NODE_GREW)
    assert HINTS.gate_of(PodInfo.of(stranger)) == ""


def test_a_gate_names_the_pods_that_a_change_concerns() -> None:
    assert list(HINTS.concerned("DefaultPreemption", POD_WENT) or ()) == [], "nobody waits for this one"
    assert HINTS.concerned("SchedulingGates", POD_WENT) == ()
