from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sagong.api import nodes, pods
from sagong.api.types.core import (
    Affinity,
    Container,
    ContainerPort,
    ContainerStatus,
    Node,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    Pod,
    PodCondition,
    PodSpec,
    PodStatus,
    ResourceRequirements,
    Taint,
    Toleration,
)
from sagong.api.types.meta import ObjectMeta


def asking(requests: dict[str, str] | None = None, limits: dict[str, str] | None = None, **other: str) -> Container:
    return Container(name=other.get("name", "c"), resources=ResourceRequirements(requests=requests or {}, limits=limits or {}))


BOTH = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("containers", "wanted"),
    [
        ([asking()], "BestEffort"),
        ([asking(BOTH, BOTH)], "Guaranteed"),
        ([asking(BOTH, BOTH), asking()], "Burstable"),
        ([asking({"cpu": "1"})], "Burstable"),
        ([asking({"cpu": "1000m", "memory": "1024Mi"}, BOTH)], "Guaranteed"),
        ([asking({"cpu": "0"}, {"example.com/gpu": "1"})], "BestEffort"),
        ([asking({"cpu": "1"}, BOTH)], "Burstable"),
    ],
)
def test_quality_of_service(containers: list[Container], wanted: str) -> None:
    assert pods.qos_class(Pod(spec=PodSpec(containers=containers))) == wanted


def test_pod_level_resources_decide_quality_of_service_and_requests() -> None:
    pod = Pod(spec=PodSpec(containers=[asking({"cpu": "1"})], resources=ResourceRequirements(requests=BOTH, limits=BOTH)))
    assert pods.qos_class(pod) == "Guaranteed"
    assert str(pods.requests(pod)["memory"]) == "1Gi"


def test_requests_count_sidecars_beside_and_init_containers_before() -> None:
    sidecar = asking({"cpu": "2"})
    sidecar.restartPolicy = "Always"
    spec = PodSpec(
        containers=[asking({"cpu": "1"})], initContainers=[asking({"cpu": "1"}), sidecar, asking({"cpu": "5"})], overhead={"cpu": "100m"}
    )
    assert str(pods.requests(Pod(spec=spec))["cpu"]) == "7100m"  # the last init container runs with the sidecar: 5 + 2 + overhead
    spec.initContainers.pop()
    assert str(pods.requests(Pod(spec=spec))["cpu"]) == "3100m"


def test_a_resize_counts_with_the_most_until_it_is_infeasible() -> None:
    status = ContainerStatus(name="c", resources=ResourceRequirements(requests={"cpu": "1"}), allocatedResources={"cpu": "2"})
    pod = Pod(spec=PodSpec(containers=[asking({"cpu": "3"})]), status=PodStatus(containerStatuses=[status]))
    assert pods.requests(pod, use_status=True)["cpu"].value() == 3
    pod.status.conditions = [PodCondition(type="PodResizePending", status="True", reason="Infeasible")]
    assert pods.requests(pod, use_status=True)["cpu"].value() == 2
    assert pods.requests(pod)["cpu"].value() == 3


def test_readiness_and_availability() -> None:
    ready = PodCondition(type="Ready", status="True", lastTransitionTime="2026-01-01T00:00:00Z")
    pod = Pod(status=PodStatus(conditions=[ready]))
    assert pods.is_ready(pod)
    assert pods.is_available(pod, 10, datetime(2026, 1, 1, 0, 0, 10, tzinfo=UTC))
    assert not pods.is_available(pod, 10, datetime(2026, 1, 1, 0, 0, 9, tzinfo=UTC))
    assert not pods.is_ready(Pod())


def test_ports() -> None:
    container = Container(name="c", ports=[ContainerPort(name="web", containerPort=80, hostPort=8080, protocol="TCP")])
    pod = Pod(spec=PodSpec(containers=[container]))
    assert list(pods.host_ports(pod)) == [("0.0.0.0", "TCP", 8080)]
    assert pods.find_port(pod, "web") == 80
    assert pods.find_port(pod, 81) == 81
    assert pods.find_port(pod, "web", "UDP") is None


@pytest.mark.parametrize(
    ("toleration", "wanted"),
    [
        (Toleration(key="k", value="v"), True),
        (Toleration(key="k", operator="Equal", value="w"), False),
        (Toleration(key="k", operator="Exists"), True),
        (Toleration(operator="Exists"), True),
        (Toleration(key="k", operator="Exists", effect="NoExecute"), False),
        (Toleration(key="j", operator="Exists"), False),
        (Toleration(key="k", operator="Gt", value="1"), False),
    ],
)
def test_tolerations(toleration: Toleration, *, wanted: bool) -> None:
    taint = Taint(key="k", value="v", effect="NoSchedule")
    assert nodes.tolerates(toleration, taint) is wanted
    assert nodes.untolerated([taint], [toleration]) is (None if wanted else taint)


def _term(key: str, operator: str, *values: str) -> NodeSelectorTerm:
    return NodeSelectorTerm(matchExpressions=[NodeSelectorRequirement(key=key, operator=operator, values=list(values))])


@pytest.mark.parametrize(
    ("terms", "wanted"),
    [
        ([_term("zone", "In", "a", "b")], True),
        ([_term("zone", "NotIn", "a")], False),
        ([_term("zone", "NotIn", "a"), _term("cores", "Gt", "3")], True),
        ([_term("cores", "Lt", "4")], False),
        ([_term("gpu", "DoesNotExist")], True),
        ([_term("gpu", "Exists")], False),
        ([NodeSelectorTerm()], False),
        ([NodeSelectorTerm(matchFields=[NodeSelectorRequirement(key="metadata.name", operator="In", values=["n"])])], True),
        ([], False),
    ],
)
def test_node_affinity(terms: list[NodeSelectorTerm], *, wanted: bool) -> None:
    node = Node(metadata=ObjectMeta(name="n", labels={"zone": "a", "cores": "4", "node-role.kubernetes.io/control-plane": ""}))
    affinity = Affinity(nodeAffinity=NodeAffinity(requiredDuringSchedulingIgnoredDuringExecution=NodeSelector(nodeSelectorTerms=terms)))
    assert nodes.matches_required_affinity(Pod(spec=PodSpec(affinity=affinity)), node) is wanted
    assert nodes.matches_required_affinity(Pod(spec=PodSpec(nodeSelector={"zone": "a"})), node)
    assert not nodes.matches_required_affinity(Pod(spec=PodSpec(nodeSelector={"zone": "b"})), node)
    assert nodes.roles(node) == ["control-plane"]
