"""The node's last word on pods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.node.observed import pod

from sagong.api.types.core import Node, NodeSpec, Taint
from sagong.api.types.meta import ObjectMeta
from sagong.node.admission import Rejection, admit, lacking
from sagong.node.apparmor import admit_apparmor, enabled

ALLOCATABLE = {"cpu": "2", "memory": "1Gi", "pods": "3"}
NODE = Node(metadata=ObjectMeta(name="n", labels={"disk": "ssd"}), spec=NodeSpec(taints=[Taint(key="out", effect="NoExecute")]))
TOLERATED = "tolerations: [{operator: Exists}]\n"


def asks(cpu: str, memory: str = "1Mi", more: str = "") -> Any:
    return pod(f"{TOLERATED}{more}containers: [{{name: a, resources: {{requests: {{cpu: '{cpu}', memory: {memory}}}}}}}]")


def ports(number: int, ip: str = "") -> Any:
    return pod(f"{TOLERATED}containers: [{{name: a, ports: [{{containerPort: 80, hostPort: {number}, hostIP: '{ip}'}}]}}]")


FULL = "Node didn't have enough resource: "
HDD, SSD = "nodeSelector: {disk: hdd}\n", "nodeSelector: {disk: ssd}\n"
PORTS = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"
AFFINITY = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"
TAINT = "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate"


@pytest.mark.parametrize(
    ("of", "others", "reason", "message"),
    [
        (asks("2"), [], "", ""),
        (asks("1500m"), [asks("600m")], "OutOfcpu", FULL + "cpu, requested: 1500, used: 600, capacity: 2000"),
        (asks("1", "2Gi"), [], "OutOfmemory", FULL + "memory, requested: 2147483648, used: 0, capacity: 1073741824"),
        (asks("1m"), [asks("1m")] * 3, "OutOfpods", FULL + "pods, requested: 1, used: 3, capacity: 3"),
        (asks("1", more="os: {name: windows}\n"), [], "PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS"),
        (asks("1", more=HDD), [], "NodeAffinity", AFFINITY),
        (asks("1", more=SSD), [], "", ""),
        (asks("1", more="nodeName: other\n"), [], "NodeName", "Predicate NodeName failed: node(s) didn't match the requested node name"),
        (pod("containers: [{name: a}]"), [], "TaintToleration", TAINT),
        (ports(80), [ports(80)], "NodePorts", PORTS),
        (ports(80, "10.0.0.1"), [ports(80, "10.0.0.2")], "", ""),
        (ports(80), [ports(81)], "", ""),
    ],
)  # fmt: skip
def test_what_is_let_in(of: Any, others: list[Any], reason: str, message: str) -> None:
    found = admit(of, others, ALLOCATABLE, NODE)
    assert ((found.reason, found.message) if found else ("", "")) == (reason, message)


def test_static_pods_mind_no_taint_and_an_unknown_node_no_label() -> None:
    static = pod("containers: [{name: a}]")
    static.metadata.annotations["kubernetes.io/config.source"] = "file"
    assert admit(static, [], ALLOCATABLE, NODE) is None
    assert admit(asks("1", more=HDD), [], ALLOCATABLE, None) is None


def test_a_label_that_names_another_system() -> None:
    of = asks("1")
    of.metadata.labels["kubernetes.io/os"] = "windows"
    found = admit(of, [], ALLOCATABLE, NODE)
    assert found is not None
    assert found.reason == "PodOSSelectorNodeLabelDoesNotMatch"


def test_what_is_lacking_is_told_for_every_resource() -> None:
    found = lacking(asks("2", "2Gi"), [asks("500m")] * 3, ALLOCATABLE)
    assert {lack.resource: lack.missing for lack in found} == {"pods": 1, "cpu": 1500, "memory": (1 << 30) + 3 * (1 << 20)}


@pytest.mark.parametrize(
    ("spec", "note", "refused"),
    [
        ("securityContext: {appArmorProfile: {type: RuntimeDefault}}", "", True),
        ("containers: [{name: a, securityContext: {appArmorProfile: {type: Localhost, localhostProfile: p}}}]", "", True),
        ("securityContext: {appArmorProfile: {type: Unconfined}}", "unconfined", False),
        ("{}", "runtime/default", True),
        ("{}", "", False),
    ],
)
def test_a_profile_that_the_kernel_cannot_enforce_keeps_a_pod_out(spec: str, note: str, refused: bool) -> None:  # noqa: FBT001 - a table's column
    of = pod(spec)
    if note:
        of.metadata.annotations["container.apparmor.security.beta.kubernetes.io/a"] = note
    wanted = Rejection("AppArmor", "Cannot enforce AppArmor: AppArmor is not enabled on the host") if refused else None
    assert (admit_apparmor(of, able=False), admit_apparmor(of, able=True)) == (wanted, None)


def test_the_kernel_tells_whether_it_enforces_profiles(tmp_path: Path) -> None:
    switch = tmp_path / "enabled"
    assert not enabled(tmp_path, switch)
    switch.write_text("Y\n")
    assert enabled(tmp_path, switch)
    assert not enabled(tmp_path / "absent", switch)
