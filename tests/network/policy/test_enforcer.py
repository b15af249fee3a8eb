"""Policies between a real API server and a model of the kernel; and, last, in a real kernel."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest
from tests.network.api import api, background, until
from tests.network.netns import World, ask
from tests.network.policy.test_policy import NAMESPACES, PODS, policy
from tests.network.proxy.model import ModelKernel

from sagong.api.types.core import Container, Pod, PodSpec, ServiceAccount
from sagong.api.types.meta import LabelSelector, ObjectMeta
from sagong.api.types.networking import NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicySpec
from sagong.client.client import Client
from sagong.network.policy.enforcer import Enforcer
from sagong.network.policy.ruleset import build
from sagong.network.policy.selection import Cluster, PodView
from sagong.network.proxy.diff import replace
from sagong.network.proxy.objects import render, script

PLACE = "ip sagong-policy"


async def run_pod(client: Client, name: str, ip: str, **labels: str) -> None:
    spec = PodSpec(nodeName="here", containers=[Container(name="c", image="x")], automountServiceAccountToken=False)
    made = await client.create(Pod(metadata=ObjectMeta(name=name, namespace="default", labels=labels), spec=spec))
    made.status.phase, made.status.podIP, made.status.podIPs = "Running", ip, []
    await client.update(made, "status")


async def test_rules_follow_policies_and_pods(tmp_path: Path) -> None:
    kernel = ModelKernel()
    async with api(tmp_path) as client:
        await client.create(ServiceAccount(metadata=ObjectMeta(name="default", namespace="default")))
        await run_pod(client, "web", "10.244.0.5", app="web")
        async with background(Enforcer(client, kernel, "here", ["ip"], clock=client.clock).run()):
            await until(lambda: bool(kernel.transactions))
            assert kernel.tables == {}
            allow = NetworkPolicyIngressRule(from_=[NetworkPolicyPeer(podSelector=LabelSelector(matchLabels={"app": "client"}))])
            spec = NetworkPolicySpec(podSelector=LabelSelector(matchLabels={"app": "web"}), ingress=[allow])
            await client.create(NetworkPolicy(metadata=ObjectMeta(name="p", namespace="default"), spec=spec))
            await until(lambda: PLACE in kernel.tables)
            table = kernel.tables[PLACE]
            assert set(table.containers["ingress-pods"]) == {"10.244.0.5"}
            (peers,) = (elements for name, elements in table.containers.items() if name.startswith("peers/"))
            assert peers == {}
            await run_pod(client, "client", "10.244.0.6", app="client")
            await until(lambda: peers == {"10.244.0.6": ""})
            await client.delete(Pod, "client", "default", grace_period_seconds=0)
            await until(lambda: peers == {})
            await client.delete(NetworkPolicy, "p", "default")
            await until(lambda: not table.containers["ingress-pods"])


@pytest.mark.e2e
def test_nft_takes_all_kinds_of_rules() -> None:
    texts = (
        '{"ingress": [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "192.0.2.1/32"]}}, {"podSelector": {}}]}]}',
        '{"egress": [{"ports": [{"port": "serve-80"}, {"port": 1, "endPort": 9, "protocol": "SCTP"}, {"protocol": "UDP"}]}]}',
        '{"ingress": [{"from": [{"ipBlock": {"cidr": "::/0", "except": ["fd00::/8"]}}]}]}',
    )
    policies = [policy(text, name=f"p{number}") for number, text in enumerate(texts)]
    for family in ("ip", "ip6"):
        six = [PodView(pod.namespace, pod.name, pod.labels, (f"fd00::{n}",), pod.ports, pod.node) for n, pod in enumerate(PODS)]
        text = script(render(build(Cluster(PODS if family == "ip" else six, NAMESPACES, policies), "here", family)))
        done = subprocess.run(["unshare", "-n", "nft", "-f", "-"], input=text, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.e2e
def test_the_kernel_enforces_between_pods_of_one_bridge_and_spares_the_node() -> None:
    world = World()
    try:
        for number, space in enumerate(world.pods, 2):
            world.serve(space, 8080, say=f"pod{number}")
        labels = {2: "web", 3: "client", 4: "stranger"}
        pods = [PodView("x", name, {"pod": name}, (f"10.244.0.{number}",), node="here") for number, name in labels.items()]
        only = policy(
            '{"podSelector": {"matchLabels": {"pod": "web"}}, "ingress": [{"from": [{"podSelector": {"matchLabels": {"pod": "client"}}}]}]}'
        )
        table = build(Cluster(pods, NAMESPACES, [only]), "here", "ip")
        asyncio.run(ModelKernel().run(replace(table).commands))
        world.node.run("nft", "-f", "-", text=script(render(table)))
        answers = [ask(source, "10.244.0.2", 8080)[0] for source in (world.pods[1], world.pods[2], world.outside, world.node)]
        assert answers == ["pod2", "timeout", "timeout", "pod2"]
        assert ask(world.pods[0], "10.244.0.4", 8080)[0] == "pod4"  # replies come back
    finally:
        world.close()
