"""Extenders against a real scheduler, a real API server and a real web service, plain and with TLS."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.scheduler.builders import NO_CLIENT, Fixed, Objects
from tests.scheduler.rig import Rig, scheduling
from tests.server.harness import Pki

from sagong.cluster.clock import RealClock
from sagong.cluster.scheduler import check
from sagong.scheduler.configuration import ConfigurationError, KubeSchedulerConfiguration, parse
from sagong.scheduler.extenders import Extender
from sagong.scheduler.framework import Filter
from sagong.scheduler.plugins import Tools, profiles_of
from sagong.server.http import HttpServer
from sagong.server.messages import Answer, Request, Response

GPU = "example.com/gpu"
Question = dict[str, Any]
Verb = Callable[[Question], Any]


class Service:
    """A web service. `verbs`: what each says to a question; a number is a status, None is silence."""

    def __init__(self, **verbs: Verb) -> None:
        self.verbs = dict(verbs)
        self.asked: list[tuple[str, Question]] = []
        self.url = ""

    def questions(self, verb: str) -> list[Question]:
        return [question for asked, question in self.asked if asked == verb]

    async def __call__(self, request: Request) -> Answer:
        verb, question = request.path.removeprefix("/scheduler/"), json.loads(request.body)
        self.asked.append((verb, question))
        assert (request.method, request.header("content-type")) == ("POST", "application/json")
        said = self.verbs[verb](question)
        if isinstance(said, int):
            return Response(b"no", said)
        if said is None:
            await asyncio.Event().wait()
        return Response(json.dumps(said).encode(), 200)


@asynccontextmanager
async def serving(service: Service, tls: ssl.SSLContext | None = None) -> AsyncIterator[Service]:
    server = HttpServer(service, RealClock())
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(server.serve(listener, tls))
        service.url = f"http{'s' if tls else ''}://127.0.0.1:{listener.getsockname()[1]}/scheduler/"
        try:
            yield service
        finally:
            task.cancel()


def configuration(*extenders: dict[str, Any], **fields: Any) -> KubeSchedulerConfiguration:
    head = {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"}
    return parse(json.dumps({**head, "extenders": extenders, **fields}).encode())


@asynccontextmanager
async def extended(directory: Path, *extenders: dict[str, Any]) -> AsyncIterator[Rig]:
    found = configuration(*extenders)
    async with scheduling(directory, lambda tools: profiles_of(tools, found), [Extender(extender) for extender in found.extenders]) as rig:
        yield rig


def names(question: Question) -> list[str]:
    """Return the nodes that are asked about, of an extender without and with a cache of its own."""
    if question["Nodes"] is None:
        return sorted(question["NodeNames"])
    assert question["NodeNames"] is None
    return sorted(item["metadata"]["name"] for item in question["Nodes"]["items"])


def only(*kept: str, **failed: str) -> Verb:
    """Keep some nodes, answering as a service without a cache does."""

    def answer(question: Question) -> dict[str, Any]:
        items = [item for item in question["Nodes"]["items"] if item["metadata"]["name"] in kept]
        return {"Nodes": {"metadata": {}, "items": items}, "NodeNames": None, "FailedNodes": failed, "Error": ""}

    return answer


async def test_nodes_are_filtered_and_rated(tmp_path: Path) -> None:
    service = Service(
        filter=only("b", "c", a="too far"),
        rate=lambda _: [{"Host": "b", "Score": 1}, {"Host": "c", "Score": 10}, {"Host": "x", "Score": 9}],
    )
    async with serving(service), extended(tmp_path, asks(service, filterVerb="filter", prioritizeVerb="rate", weight=5)) as rig:
        await rig.nodes("a", "b", "c")
        await rig.pod("p")
        assert await rig.bound("p") == "c"
        assert names(service.questions("filter")[-1]) == ["a", "b", "c"]
        assert names(service.questions("rate")[-1]) == ["b", "c"]
        asked = service.questions("filter")[-1]
        assert asked["Pod"]["metadata"]["name"] == "p"
        assert asked["Nodes"]["items"][0]["status"]["allocatable"]["cpu"] == "2"


def asks(service: Service, **fields: Any) -> dict[str, Any]:
    return {"urlPrefix": service.url, **fields}


async def test_a_service_with_a_cache_is_asked_by_name_and_may_spell_as_it_likes(tmp_path: Path) -> None:
    service = Service(filter=lambda _: {"nodenames": ["b"], "failedNodes": None, "error": None})
    async with serving(service), extended(tmp_path, asks(service, filterVerb="filter", nodeCacheCapable=True)) as rig:
        await rig.nodes("a", "b")
        await rig.pod("p")
        assert await rig.bound("p") == "b"
        assert service.questions("filter")[-1]["NodeNames"] is not None


async def test_reasons_are_told_and_any_change_is_worth_another_attempt(tmp_path: Path) -> None:
    def refuse(question: Question) -> dict[str, Any]:
        return {"NodeNames": [], "FailedNodes": {"a": "no gpu", "b": "-"}, "FailedAndUnresolvableNodes": {"b": "no driver"}}

    service = Service(filter=refuse)
    async with serving(service), extended(tmp_path, asks(service, filterVerb="filter", nodeCacheCapable=True)) as rig:
        await rig.nodes("a", "b", "c")
        await rig.nodes("small", cpu="100m")
        await rig.pod("p", cpu="1")
        message = "0/4 nodes are available: 1 Insufficient cpu, 1 no driver, 1 no gpu."
        await rig.wait("p", lambda found: any(message in (c.message or "") for c in found.status.conditions))
        service.verbs["filter"] = lambda question: {"NodeNames": question["NodeNames"]}
        await rig.nodes("d", cpu="100m")  # no plugin waits for such a node
        assert await rig.bound("p") in "abc"


async def test_a_service_that_fails_fails_the_attempt_unless_it_is_ignorable(tmp_path: Path) -> None:
    service = Service(filter=lambda _: 500)
    async with serving(service), extended(tmp_path, asks(service, filterVerb="filter")) as rig:
        await rig.nodes("a")
        await rig.pod("p")
        text = f"failed filter with extender at URL {service.url}filter, code 500"
        assert await rig.refused("p") == text
        assert (await rig.events("p", "FailedScheduling"))[0] == text
        service.verbs["filter"] = only("a")
        assert await rig.bound("p") == "a"


async def test_ignorable_services_come_last_and_may_be_down(tmp_path: Path) -> None:
    service = Service(filter=only("b"), rate=lambda _: {"not": "a list"}, never=lambda _: None)
    down = {"urlPrefix": "http://127.0.0.1:1", "filterVerb": "filter", "bindVerb": "bind", "ignorable": True}
    async with serving(service):
        slow = asks(service, filterVerb="never", httpTimeout="100ms", ignorable=True)
        rater = asks(service, filterVerb="filter", prioritizeVerb="rate", weight=1)
        async with extended(tmp_path, slow, down, rater) as rig:
            await rig.nodes("a", "b")
            await rig.pod("p")
            assert await rig.bound("p") == "b"
            assert [verb for verb, _ in service.asked] == ["filter", "never"]
            assert names(service.questions("never")[0]) == ["b"]


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"Error": "out of gpus"}, "out of gpus"),
        ({"NodeNames": ["z"]}, 'extender "PREFIX" claims a filtered node "z" which is not found in the input node list'),
        ({"NodeNames": [1]}, "filter of extender at URL PREFIXfilter: Expected `str`, got `int` - at `$.nodenames[0]`"),
    ],
)
async def test_answers_that_cannot_be(tmp_path: Path, said: dict[str, Any], error: str) -> None:
    service = Service(filter=lambda _: said)
    async with serving(service), extended(tmp_path, asks(service, filterVerb="filter", nodeCacheCapable=True)) as rig:
        await rig.nodes("a")
        await rig.pod("p")
        assert await rig.refused("p") == error.replace("PREFIX", service.url)


async def test_only_pods_that_ask_for_a_managed_resource_are_its_business(tmp_path: Path) -> None:
    service = Service(filter=only("b"))
    managed = [{"name": GPU, "ignoredByScheduler": True}]
    async with serving(service), extended(tmp_path, asks(service, filterVerb="filter", managedResources=managed)) as rig:
        await rig.nodes("a", "b")
        await rig.pod("p", cpu="100m")
        await rig.bound("p")
        assert not service.asked
        limits = {"limits": {GPU: "1"}, "requests": {GPU: "1"}}
        await rig.pod("q", containers=[{"name": "c", "image": "i", "resources": limits}])  # no node says that it has any
        assert await rig.bound("q") == "b"


async def test_a_service_may_bind(tmp_path: Path) -> None:
    service = Service(bind=lambda _: {"Error": "not now"})
    async with serving(service), extended(tmp_path, asks(service, bindVerb="bind")) as rig:
        await rig.nodes("a")
        await rig.pod("p")
        assert await rig.refused("p") == "not now"
        uid = (await rig.get("p")).metadata.uid
        assert service.questions("bind")[0] == {"PodName": "p", "PodNamespace": "t", "PodUID": uid, "Node": "a"}
        assert not (await rig.get("p")).spec.nodeName
        service.verbs["bind"] = lambda _: {}
        assert await rig.events("p", "Scheduled")  # the scheduler believes it, and binds nothing itself
        assert not (await rig.get("p")).spec.nodeName


@pytest.mark.parametrize("cached", [False, True])
async def test_a_service_has_a_say_in_preemption(tmp_path: Path, *, cached: bool) -> None:
    asked: list[dict[str, Any]] = []

    def preempt(question: Question) -> dict[str, Any]:
        asked.append(question["NodeNameToMetaVictims" if cached else "NodeNameToVictims"])
        assert question["NodeNameToVictims" if cached else "NodeNameToMetaVictims"] is None
        pods = asked[-1]["b"]["Pods"]
        uids = [found["UID"] if cached else found["metadata"]["uid"] for found in pods]
        return {"NodeNameToMetaVictims": {"b": {"Pods": [{"UID": uid} for uid in uids], "NumPDBViolations": 0}}}

    service = Service(preempt=preempt)
    async with serving(service), extended(tmp_path, asks(service, preemptVerb="preempt", nodeCacheCapable=cached)) as rig:
        await rig.priority("low", 1)
        await rig.priority("middle", 2)
        await rig.priority("high", 1000)
        for name, priority in (("a", "low"), ("b", "middle")):
            await rig.nodes(name)
            await rig.pod(f"on-{name}", cpu="2", priorityClassName=priority)
            assert await rig.bound(f"on-{name}") == name
        await rig.pod("urgent", cpu="1", priorityClassName="high")
        await rig.wait("on-b", lambda found: found.metadata.deletionTimestamp)  # by itself the scheduler prefers the less important
        await rig.wait("urgent", lambda found: found.status.nominatedNodeName == "b")
        assert set(asked[0]) == {"a", "b"}
        assert (await rig.get("on-a")).metadata.deletionTimestamp is None


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"NodeNameToMetaVictims": {}}, "preemption: no candidate node for preemption"),
        ({"NodeNameToMetaVictims": {"a": {"Pods": []}}}, 'preemption: expected at least one victim pod on node "a"'),
        ({"NodeNameToMetaVictims": {"z": {"Pods": []}}}, 'preemption: nodeinfo not found for node name "z"'),
        (
            {"NodeNameToMetaVictims": {"a": {"Pods": [{"UID": "u"}]}}},
            "preemption: extender: PREFIX claims to preempt pod (UID: u) on node: a, but the pod is not found on that node",
        ),
        (503, "preemption: failed preempt with extender at URL PREFIXpreempt, code 503"),
    ],
)
async def test_no_preemption_that_a_service_does_not_want(tmp_path: Path, said: Any, message: str) -> None:
    service = Service(preempt=lambda _: said)
    async with serving(service), extended(tmp_path, asks(service, preemptVerb="preempt")) as rig:
        await rig.priority("high", 1000)
        await rig.nodes("a")
        await rig.pod("small", cpu="2")
        await rig.bound("small")
        await rig.pod("urgent", cpu="1", priorityClassName="high")
        assert await rig.refused("urgent") == f"0/1 nodes are available: 1 Insufficient cpu. {message.replace('PREFIX', service.url)}"
        assert (await rig.get("small")).metadata.deletionTimestamp is None


async def test_with_tls(tmp_path: Path) -> None:
    (tmp_path / "pki").mkdir()
    pki = Pki(tmp_path / "pki", "extenders")
    pki.issue("service", server=True, dns="extender.example.com")
    pki.issue("scheduler")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.path("service.crt"), pki.path("service.key"))
    context.load_verify_locations(pki.path("ca.crt"))
    context.verify_mode = ssl.CERT_REQUIRED
    service = Service(filter=only("b"))
    async with serving(service, context):
        base = pki.directory
        data = {
            key: base64.b64encode((base / file).read_bytes()).decode() for key, file in (("caData", "ca.crt"), ("keyData", "scheduler.key"))
        }
        tls = {"serverName": "extender.example.com", "certFile": pki.path("scheduler.crt"), **data}
        async with extended(tmp_path, asks(service, filterVerb="filter", enableHTTPS=True, tlsConfig=tls)) as rig:
            await rig.nodes("a", "b")
            await rig.pod("p")
            assert await rig.bound("p") == "b"


async def test_without_an_authority_any_certificate_does_if_https_is_enabled(tmp_path: Path) -> None:
    (tmp_path / "pki").mkdir()
    pki = Pki(tmp_path / "pki", "strangers")
    pki.issue("service", server=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.path("service.crt"), pki.path("service.key"))
    service = Service(filter=only("a"))
    async with serving(service, context), extended(tmp_path, asks(service, filterVerb="filter")) as rig:
        await rig.nodes("a")
        await rig.pod("p")
        assert "certificate verify failed" in await rig.refused("p")
    async with serving(service, context):
        (tmp_path / "again").mkdir()
        async with extended(tmp_path / "again", asks(service, filterVerb="filter", enableHTTPS=True)) as rig:
            await rig.nodes("a")
            await rig.pod("p")
            assert await rig.bound("p") == "a"


@pytest.mark.parametrize(
    ("extenders", "message"),
    [
        ([{"urlPrefix": "localhost:80"}], 'extenders[0].urlPrefix: Invalid value: "localhost:80": must be an http:// or https:// URL'),
        ([{"prioritizeVerb": "p"}], "extenders[0].weight: Invalid value: 0: must have a positive weight applied to it"),
        ([{"httpTimeout": "soon"}], 'extenders[0].httpTimeout: Invalid value: "soon": time: invalid duration "soon"'),
        (
            [{"bindVerb": "b"}, {"bindVerb": "b"}],
            'extenders: Invalid value: "found 2 extenders implementing bind": only one extender can implement bind',
        ),
        (
            [{"managedResources": [{"name": "cpu"}]}],
            'extenders[0].managedResources[0].name: Invalid value: "cpu": is an invalid extended resource name',
        ),
        (
            [{"managedResources": [{"name": GPU}]}, {"managedResources": [{"name": GPU}]}],
            f'extenders[1].managedResources[0].name: Invalid value: "{GPU}": duplicate extender managed resource name',
        ),
    ],
)
def test_what_is_refused(extenders: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        configuration(*({"urlPrefix": "http://localhost", **extender} for extender in extenders))
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("tls", "message"),
    [
        ({"caFile": "/nowhere"}, "couldn't build extenders: [Errno 2] No such file or directory: '/nowhere'"),
        (
            {"caData": "eA==", "insecure": True},
            "couldn't build extenders: specifying a root certificates file with the insecure flag is not allowed",
        ),
    ],
)
def test_credentials_that_cannot_be_used(tls: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        check(configuration({"urlPrefix": "https://localhost", "tlsConfig": tls}))
    assert str(raised.value) == message


def test_what_only_the_extender_counts_is_ignored_in_every_profile() -> None:
    profiles = [
        {"schedulerName": "one", "pluginConfig": [{"name": "NodeResourcesFit", "args": {"ignoredResources": ["example.com/other"]}}]},
        {"schedulerName": "two"},
    ]
    managed = [{"name": GPU, "ignoredByScheduler": True}, {"name": "example.com/tpu"}]
    found = configuration({"urlPrefix": "http://localhost", "managedResources": managed}, profiles=profiles)
    assert [profile.args("NodeResourcesFit").ignoredResources for profile in found.profile_configs()] == [[GPU], [GPU]]
    for profile in profiles_of(Tools(NO_CLIENT, RealClock(), Objects(), Fixed()), found):
        assert profile.at(Filter)


async def test_the_world_stands_still_while_an_extender_is_asked(tmp_path: Path) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    class Slow(Service):
        async def __call__(self, request: Request) -> Answer:
            asked.set()
            await answer.wait()
            return await super().__call__(request)

    service = Slow(filter=lambda question: {"NodeNames": question["NodeNames"]})
    async with serving(service), extended(tmp_path, asks(service, filterVerb="filter", nodeCacheCapable=True)) as rig:
        await rig.nodes("a")
        await rig.pod("p")
        await asked.wait()
        await rig.api.ok("DELETE", "/api/v1/nodes/a")
        await rig.nodes(*(f"n{number}" for number in range(20)))  # more than a table has room for at first
        assert rig.scheduler.cache.sizes()["nodes"] == 1
        answer.set()
        await rig.bound("p")
        await rig.pod("q")
        assert (await rig.bound("q")).startswith("n")
        assert rig.scheduler.cache.sizes()["nodes"] == 20
