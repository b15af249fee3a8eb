"""Who reaches whom, asked of the rules: the cases of upstream's NetworkPolicy tests."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from tests.network.proxy.trace_packet import Packet, trace_policy

from sagong.api.types.core import Container, ContainerPort, Pod, PodSpec, PodStatus
from sagong.api.types.meta import ObjectMeta
from sagong.api.types.networking import NetworkPolicy
from sagong.network.policy.ruleset import build
from sagong.network.policy.selection import Cluster, view_of
from sagong.network.proxy.objects import Ruleset, render, script

NAMESPACES = {name: {"kubernetes.io/metadata.name": name, "team": name[0]} for name in ("x", "y", "z")}
OUTSIDE = "203.0.113.9"


def address(name: str) -> str:
    """x/a, x/b, ... z/c have 10.244.<namespace>.<pod>; those of y and z run elsewhere, or here: all pods named a run here."""
    namespace, _, pod = name.partition("/")
    return OUTSIDE if name == "outside" else f"10.244.{'xyz'.index(namespace)}.{'abc'.index(pod) + 10}"


def pod(name: str, **more: Any) -> Pod:
    namespace, _, short = name.partition("/")
    ports = [ContainerPort(name="serve-80", containerPort=80), ContainerPort(name="serve-81", containerPort=81, protocol="UDP")]
    return Pod(
        metadata=ObjectMeta(name=short, namespace=namespace, labels={"pod": short}),
        spec=PodSpec(nodeName="here" if short == "a" else "there", containers=[Container(name="c", ports=ports)], **more),
        status=PodStatus(phase="Running", podIP=address(name)),
    )


PODS = [view for namespace in "xyz" for short in "abc" if (view := view_of(pod(f"{namespace}/{short}")))]


def policy(text: str, namespace: str = "x", name: str = "p") -> NetworkPolicy:
    spec = {"podSelector": {}, **json.loads(text)}
    document = {"metadata": {"name": name, "namespace": namespace}, "spec": spec}
    made = msgspec.convert(document, NetworkPolicy)
    made.spec.policyTypes = made.spec.policyTypes or ["Ingress", *(["Egress"] if made.spec.egress else [])]
    return made


def rules(*policies: NetworkPolicy) -> Ruleset:
    return build(Cluster(PODS, NAMESPACES, policies), "here", "ip")


def passes(ruleset: Ruleset, source: str, destination: str, port: int = 80, protocol: str = "tcp") -> bool:
    return trace_policy(ruleset, Packet(address(source), address(destination), port, protocol))


def reach(ruleset: Ruleset, destination: str = "x/a", port: int = 80, protocol: str = "tcp") -> str:
    """Return the pods that reach one, as upstream's truth tables show them."""
    sources = [f"{namespace}/{short}" for namespace in "xyz" for short in "abc"] + ["outside"]
    return " ".join(source for source in sources if passes(ruleset, source, destination, port, protocol))


EVERYONE = "x/a x/b x/c y/a y/b y/c z/a z/b z/c outside"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", "x/a"),  # deny all; a pod always reaches itself
        ('{"ingress": [{}]}', EVERYONE),
        ('{"ingress": [{"from": [{"podSelector": {}}]}]}', "x/a x/b x/c"),
        ('{"ingress": [{"from": [{"podSelector": {"matchLabels": {"pod": "b"}}}]}]}', "x/a x/b"),
        ('{"ingress": [{"from": [{"namespaceSelector": {}}]}]}', EVERYONE.removesuffix(" outside")),
        ('{"ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"team": "y"}}}]}]}', "x/a y/a y/b y/c"),
        (
            """{"ingress": [{"from": [{"namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["x"]}]},
                                       "podSelector": {"matchLabels": {"pod": "b"}}}]}]}""",
            "x/a y/b z/b",
        ),
        (
            """{"ingress": [{"from": [{"podSelector": {"matchLabels": {"pod": "c"}}},
                                      {"namespaceSelector": {"matchLabels": {"team": "z"}}}]}]}""",
            "x/a x/c z/a z/b z/c",
        ),
        ('{"ingress": [{"from": [{"ipBlock": {"cidr": "10.244.1.0/24", "except": ["10.244.1.11/32"]}}]}]}', "x/a y/a y/c"),
        ('{"ingress": [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]}', EVERYONE),
        ('{"ingress": [{"from": [{"ipBlock": {"cidr": "fd00::/8"}}]}]}', "x/a"),
        ('{"podSelector": {"matchLabels": {"pod": "b"}}}', EVERYONE),  # selects another pod
        ('{"ingress": [{"ports": [{"port": 81}]}]}', "x/a"),
        ('{"ingress": [{"ports": [{"port": 80}]}]}', EVERYONE),
        ('{"ingress": [{"ports": [{"port": 79, "endPort": 90}]}]}', EVERYONE),
        ('{"ingress": [{"ports": [{"port": "serve-80"}]}]}', EVERYONE),
        ('{"ingress": [{"ports": [{"port": "serve-81"}]}]}', "x/a"),
        ('{"ingress": [{"ports": [{"protocol": "UDP"}]}]}', "x/a"),
        ('{"ingress": [{"ports": [{"protocol": "TCP"}], "from": [{"podSelector": {}}]}]}', "x/a x/b x/c"),
    ],
)
def test_ingress(text: str, expected: str) -> None:
    ruleset = rules(policy(text))
    assert reach(ruleset) == expected
    assert reach(ruleset, "y/a") == EVERYONE


def test_a_policy_for_egress_leaves_ingress_alone() -> None:
    ruleset = rules(policy('{"policyTypes": ["Egress"]}'))
    assert reach(ruleset, "x/a") == EVERYONE
    assert reach(ruleset, "y/a") == EVERYONE.removeprefix("x/a ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"policyTypes": ["Egress"]}', "x/a"),
        ('{"egress": [{}], "policyTypes": ["Egress"]}', EVERYONE),
        ('{"egress": [{"to": [{"podSelector": {"matchLabels": {"pod": "c"}}}]}], "policyTypes": ["Egress"]}', "x/a x/c"),
        ('{"egress": [{"to": [{"namespaceSelector": {"matchLabels": {"team": "z"}}}]}], "policyTypes": ["Egress"]}', "x/a z/a z/b z/c"),
        ('{"egress": [{"to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}]}], "policyTypes": ["Egress"]}', "x/a outside"),
        (
            '{"egress": [{"ports": [{"port": "serve-80"}], "to": [{"namespaceSelector": {}}]}], "policyTypes": ["Egress"]}',
            EVERYONE.removesuffix(" outside"),
        ),
        ('{"egress": [{"ports": [{"protocol": "UDP", "port": 53}]}], "policyTypes": ["Egress"]}', "x/a"),
    ],
)
def test_egress(text: str, expected: str) -> None:
    ruleset = rules(policy(text))
    destinations = [f"{namespace}/{short}" for namespace in "xyz" for short in "abc"] + ["outside"]
    assert " ".join(destination for destination in destinations if passes(ruleset, "x/a", destination)) == expected


def test_policies_add_up_and_directions_are_both_needed() -> None:
    from_b = policy('{"ingress": [{"from": [{"podSelector": {"matchLabels": {"pod": "b"}}}]}]}')
    from_z = policy('{"ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"team": "z"}}}]}]}', name="q")
    assert reach(rules(from_b, from_z)) == "x/a x/b z/a z/b z/c"
    out = policy('{"egress": [{"to": [{"namespaceSelector": {"matchLabels": {"team": "y"}}}]}], "policyTypes": ["Egress"]}', "z")
    assert not passes(rules(from_z, out), "z/a", "x/a")
    assert passes(rules(from_z, out), "z/b", "x/a")  # z/b is isolated by its own node


def test_named_ports_are_those_of_the_protocol() -> None:
    ruleset = rules(policy('{"ingress": [{"ports": [{"port": "serve-81", "protocol": "UDP"}]}]}'))
    assert reach(ruleset, port=81, protocol="udp") == EVERYONE
    assert reach(ruleset, port=81) == "x/a"


def test_only_this_nodes_pods_have_chains_and_pods_of_one_fate_share_them() -> None:
    ruleset = rules(policy("{}"), policy("{}", "y"))
    assert sorted(ruleset.containers["ingress-pods"].elements) == [address("x/a"), address("y/a")]
    assert len([name for name in ruleset.chains if name.startswith("ingress/")]) == 2


def test_pods_that_policies_do_not_concern() -> None:
    assert view_of(pod("x/a", hostNetwork=True)) is None
    ended = pod("x/a")
    ended.status.phase = "Succeeded"
    assert view_of(ended) is None
    new = pod("x/a")
    new.status.podIP = ""
    assert view_of(new) is None


def test_text() -> None:
    text = script(
        render(
            rules(
                policy('{"ingress": [{"ports": [{"port": 80}], "from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]}]}')
            )
        )
    )
    assert "ip saddr 10.0.0.0/8 ip saddr != { 10.1.0.0/16 } meta l4proto tcp th dport 80 return\n" in text
