"""InterPodAffinity: where pods may go, which nodes they prefer, and what is worth another attempt."""

from __future__ import annotations

import pytest
from tests.scheduler.builders import HOST, ZONE, Cluster, away, feasible, namespaces, near, node, pod, rather_away, rather_near, term

from sagong.api.types.core import Node, Pod, PodSpec
from sagong.api.types.meta import LabelSelector
from sagong.scheduler.events import ADD, DELETE, NODE_LABEL, POD_LABEL, Change
from sagong.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from sagong.scheduler.pod_info import PodInfo

AFFINITY = "node(s) didn't match pod affinity rules"
ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules"
EXISTING = "node(s) didn't satisfy existing pods anti-affinity rules"
ZONES = [node("a1", zone="a"), node("a2", zone="a"), node("b1", zone="b")]
WEB = {"app": "web"}


@pytest.mark.parametrize(
    ("wanted", "pods", "expected"),
    [
        (pod("p", spec=near(term(ZONE, app="web"))), [pod("x", on="a1", labels=WEB)], {"a1": "", "a2": "", "b1": AFFINITY}),
        (pod("p", spec=near(term(HOST, app="web"))), [pod("x", on="a1", labels=WEB)], {"a1": "", "a2": AFFINITY, "b1": AFFINITY}),
        (pod("p", spec=near(term("rack", app="web"))), [pod("x", on="a1", labels=WEB)], dict.fromkeys(("a1", "a2", "b1"), AFFINITY)),
        # one pod has to meet all terms
        (
            pod("p", spec=near(term(ZONE, app="web"), term(ZONE, tier="db"))),
            [pod("x", on="a1", labels=WEB), pod("y", on="a1", labels={"tier": "db"})],
            dict.fromkeys(("a1", "a2", "b1"), AFFINITY),
        ),
        # the first of a kind that wants its own company
        (pod("p", labels=WEB, spec=near(term(ZONE, app="web"))), [], {"a1": "", "a2": "", "b1": ""}),
        (pod("p", spec=near(term(ZONE, app="web"))), [], dict.fromkeys(("a1", "a2", "b1"), AFFINITY)),
        # other namespaces do not count unless they are named
        (
            pod("p", spec=near(term(ZONE, app="web"))),
            [pod("x", on="a1", labels=WEB, namespace="other")],
            {"a1": AFFINITY, "a2": AFFINITY, "b1": AFFINITY},
        ),
        (
            pod("p", spec=near(term(ZONE, ["other"], app="web"))),
            [pod("x", on="a1", labels=WEB, namespace="other")],
            {"a1": "", "a2": "", "b1": AFFINITY},
        ),
        (pod("p", spec=away(term(ZONE, app="web"))), [pod("x", on="a1", labels=WEB)], {"a1": ANTI_AFFINITY, "a2": ANTI_AFFINITY, "b1": ""}),
        (pod("p", spec=away(term("rack", app="web"))), [pod("x", on="a1", labels=WEB)], {"a1": "", "a2": "", "b1": ""}),
        # symmetry: those that are there will not have it
        (pod("p", labels=WEB), [pod("x", on="a1", spec=away(term(ZONE, app="web")))], {"a1": EXISTING, "a2": EXISTING, "b1": ""}),
        (pod("p", labels=WEB, namespace="other"), [pod("x", on="a1", spec=away(term(ZONE, app="web")))], {"a1": "", "a2": "", "b1": ""}),
    ],
)
def test_where_a_pod_may_go(wanted: Pod, pods: list[Pod], expected: dict[str, str]) -> None:
    assert feasible(ZONES, pods, wanted) == expected


def test_a_selector_of_namespaces_means_those_with_its_labels_and_an_empty_one_all() -> None:
    pods = [pod("x", on="a1", labels=WEB, namespace="blue")]
    cluster = namespaces(Cluster(ZONES, pods), blue={"team": "b"}, default={"team": "d"})
    assert cluster.choice(pod("p", spec=near(term(ZONE, (), {"team": "b"}, app="web")))) in ("a1", "a2")
    assert cluster.choice(pod("p", spec=near(term(ZONE, (), {}, app="web")))) in ("a1", "a2")
    assert AFFINITY in cluster.refusal(pod("p", spec=near(term(ZONE, (), {"team": "r"}, app="web"))))


def test_existing_pods_may_hate_whole_teams() -> None:
    cluster = namespaces(Cluster(ZONES, [pod("x", on="a1", spec=away(term(ZONE, (), {"team": "d"}, app="web")))]), default={"team": "d"})
    assert cluster.choice(pod("p", labels=WEB)) == "b1"


def test_pods_that_left_are_forgotten() -> None:
    cluster = Cluster(ZONES, [pod("x", on="a1", labels=WEB, spec=away(term(ZONE, app="web")))])
    cluster.cache.set_pod(None, pod("x", on="a1"))
    assert cluster.choice(pod("p", labels=WEB, spec=away(term(ZONE, app="web")))) == "a1"


def test_preferences_rate_in_both_directions() -> None:
    pods = [pod("x", on="b1", labels=WEB)]
    assert Cluster(ZONES, pods).scores(pod("p", spec=rather_near(5, term(ZONE, app="web"))), "InterPodAffinity") == [0, 100, 0]
    assert Cluster(ZONES, pods).scores(pod("p", spec=rather_away(5, term(ZONE, app="web"))), "InterPodAffinity") == [100, 0, 100]
    lonely = Cluster(ZONES, [pod("x", on="b1", spec=rather_near(5, term(ZONE, app="web")))])
    assert lonely.scores(pod("p", labels=WEB), "InterPodAffinity") == [0, 100, 0]
    needy = Cluster(ZONES, [pod("x", on="b1", labels=WEB, spec=near(term(ZONE, app="web")))])
    assert needy.scores(pod("p", labels=WEB), "InterPodAffinity") == [0, 100, 0], "required affinity of others counts with weight 1"
    assert Cluster(ZONES, [pod("x", on="b1")]).scores(pod("p"), "InterPodAffinity") is None


def selecting(selector: LabelSelector | None) -> PodSpec:
    spec = near(term(ZONE))
    spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector = selector  # type: ignore[union-attr]  # just made
    return spec


def test_no_selector_means_nobody_and_an_empty_one_everybody() -> None:
    pods = [pod("x", on="a1")]
    assert set(feasible(ZONES, pods, pod("p", spec=selecting(None))).values()) == {AFFINITY}
    assert feasible(ZONES, pods, pod("p", spec=selecting(LabelSelector()))) == {"a1": "", "a2": "", "b1": AFFINITY}


NEAR, AWAY = pod("p", spec=near(term(ZONE, app="web"))), pod("p", spec=away(term(ZONE, app="web")))


@pytest.mark.parametrize(
    ("waiting", "action", "old", "new", "helps"),
    [
        (NEAR, ADD, None, pod("x", on="a1", labels=WEB), True),
        (NEAR, ADD, None, pod("x", on="a1"), False),
        (NEAR, ADD, None, pod("x", labels=WEB), False),
        (NEAR, POD_LABEL, pod("x", on="a1"), pod("x", on="a1", labels=WEB), True),
        (NEAR, POD_LABEL, pod("p"), pod("p", labels=WEB), True),
        (NEAR, DELETE, pod("x", on="a1", labels=WEB), None, False),
        (AWAY, DELETE, pod("x", on="a1", labels=WEB), None, True),
        (AWAY, DELETE, pod("x", on="a1"), None, False),
        (AWAY, POD_LABEL, pod("x", on="a1", labels=WEB), pod("x", on="a1"), True),
        (pod("p", labels=WEB), DELETE, pod("x", on="a1", spec=away(term(ZONE, app="web"))), None, True),
        (NEAR, ADD, None, node("c", zone="c"), True),
        (NEAR, ADD, None, node("c"), False),
        (NEAR, NODE_LABEL, node("c"), node("c", zone="c"), True),
        (NEAR, NODE_LABEL, node("c", zone="d"), node("c", zone="c"), True),
        (NEAR, NODE_LABEL, node("c", zone="c"), node("c"), False),
        (AWAY, ADD, None, node("c"), True),
        (AWAY, NODE_LABEL, node("c", zone="c"), node("c"), True),
        (AWAY, NODE_LABEL, node("c"), node("c", zone="c"), False),
    ],
)
def test_what_is_worth_another_attempt(waiting: Pod, action: int, old: Pod | Node | None, new: Pod | Node | None, helps: bool) -> None:  # noqa: FBT001
    change = Change(type(old or new).__name__, action, old, new)
    assert InterPodAffinity().may_help(PodInfo.of(waiting), change) is helps
