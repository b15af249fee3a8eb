"""API aggregation end to end: a real server in front, a real HTTPS extension server behind."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.server.extension import AGGREGATED, GROUP, PATH, VERSION, Extension, extension
from tests.server.harness import MERGE, Answer, Api, Pki, running

from sagong.client.client import Client
from sagong.client.config import load_kubeconfig
from sagong.client.discovery import DiscoveryError, discover, discovered
from sagong.cluster.clock import RealClock, RealRandom

NAME = f"{VERSION}.{GROUP}"
SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
FLUNDERS = f"{PATH}/namespaces/default/flunders"


def api_service(api: Api, port: int, **spec: Any) -> dict[str, Any]:
    bundle = base64.b64encode(Path(api.pki.path("ca.crt")).read_bytes()).decode()
    reference = {"namespace": "ext", "name": "sample-api", "port": port}
    own = {
        "group": GROUP,
        "version": VERSION,
        "service": reference,
        "caBundle": bundle,
        "groupPriorityMinimum": 2000,
        "versionPriority": 200,
    }
    return {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": NAME}, "spec": {**own, **spec}}


async def register(api: Api, served: Extension, **spec: Any) -> None:
    await api.namespace("ext")
    service = {"metadata": {"name": "sample-api"}, "spec": {"type": "ExternalName", "externalName": "localhost"}}
    await api.ok("POST", "/api/v1/namespaces/ext/services", service)
    await api.ok("POST", SERVICES, api_service(api, served.port, **spec))


async def condition(api: Api, until: Callable[[dict[str, Any]], bool], name: str = NAME) -> dict[str, Any]:
    """Wait for a condition Available that satisfies."""
    found: dict[str, Any] = {}

    async def satisfied() -> bool:
        answer = await api("GET", f"{SERVICES}/{name}/status")
        conditions = answer.body["status"].get("conditions", []) if answer.status == 200 else []
        matching = [one for one in conditions if one["type"] == "Available" and until(one)]
        if matching:
            found.update(matching[0])
        return bool(matching)

    await eventually(satisfied)
    return found


async def eventually(satisfied: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(10):
        for _ in range(10_000):
            if await satisfied():
                return
            await asyncio.sleep(0.02)


def reason(text: str) -> Callable[[dict[str, Any]], bool]:
    return lambda found: found["reason"] == text


async def aggregated(api: Api) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await api.ok("GET", "/apis", Accept=AGGREGATED))["items"]
    return items


async def test_requests_reach_the_extension_in_the_users_name(tmp_path: Path) -> None:
    async with running(tmp_path) as api, extension(api.pki) as served:
        await register(api, served)
        found = await condition(api, reason("Passed"))
        assert (found["status"], found["message"]) == ("True", "all checks passed")
        made = await api("POST", FLUNDERS, {"metadata": {"name": "a"}}, X_Remote_User="root", X_Remote_Extra_Admin="yes")
        assert made.status == 201, made.raw
        headers = served.last(FLUNDERS).headers
        assert headers["x-remote-user"] == ["admin"], "what the client claims is not passed on"
        assert headers["x-remote-group"] == ["system:masters", "system:authenticated"]
        assert "x-remote-extra-admin" not in headers
        assert headers["host"] == [f"localhost:{served.port}"]
        assert headers["x-forwarded-for"] == ["127.0.0.1"]
        assert len((await api.ok("GET", f"{FLUNDERS}?limit=500"))["items"]) == 1
        assert served.last(FLUNDERS).query_string == "limit=500"
        assert (await api("GET", f"{FLUNDERS}/none")).status == 404
        await api.ok("DELETE", f"{FLUNDERS}/a")
        assert (await api.ok("GET", FLUNDERS))["items"] == []


async def test_impersonation_is_resolved_here(tmp_path: Path) -> None:
    async with running(tmp_path) as api, extension(api.pki) as served:
        await register(api, served)
        await condition(api, reason("Passed"))
        jane = {"Impersonate-User": "jane", "Impersonate-Group": "system:masters", "Impersonate-Extra-Team%2Fname": "blue"}
        await api.ok("GET", FLUNDERS, **jane)
        headers = served.last(FLUNDERS).headers
        assert headers["x-remote-user"] == ["jane"]
        assert headers["x-remote-extra-team%2fname"] == ["blue"]
        assert not [name for name in headers if name.startswith("impersonate")]


async def test_authorization_comes_before_the_proxy(tmp_path: Path) -> None:
    async with running(tmp_path) as api, extension(api.pki) as served:
        await register(api, served)
        await condition(api, reason("Passed"))
        served.requests.clear()
        refused = await api("GET", FLUNDERS, user="jane")
        assert refused.status == 403
        assert f'cannot list resource "flunders" in API group "{GROUP}" in the namespace "default"' in refused.body["message"]
        assert not [request for request in served.requests if request.path == FLUNDERS]


async def test_watches_and_upgrades_pass_through(tmp_path: Path) -> None:
    async with running(tmp_path) as api, extension(api.pki) as served:
        await register(api, served)
        await condition(api, reason("Passed"))
        watch = await api.watch(f"{FLUNDERS}?watch=true")
        assert await watch.names(3) == [("ADDED", "f0"), ("ADDED", "f1"), ("ADDED", "f2")]
        assert await watch.event() is None
        client = await api.connect()
        await client.send("GET", f"{FLUNDERS}/a", Connection="Upgrade", Upgrade="echo/1")
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        client.writer.write(b"hello")
        assert await client.reader.readexactly(5) == b"HELLO"
        assert served.last(f"{FLUNDERS}/a").header("x-remote-user") == "admin"
        assert served.last(f"{FLUNDERS}/a").header("upgrade") == "echo/1"


async def test_discovery_shows_what_the_extension_has(tmp_path: Path) -> None:
    async with running(tmp_path) as api, extension(api.pki) as served:
        await register(api, served)
        await condition(api, reason("Passed"))
        legacy = (await api.ok("GET", "/apis"))["groups"]
        assert legacy[0]["name"] == "apiregistration.k8s.io"
        version = {"groupVersion": f"{GROUP}/{VERSION}", "version": VERSION}
        own = {"name": GROUP, "versions": [version], "preferredVersion": version}
        assert legacy[-1] == own
        assert await api.ok("GET", f"/apis/{GROUP}") == {"kind": "APIGroup", "apiVersion": "v1", **own}
        assert (await api.ok("GET", PATH))["resources"][0]["name"] == "flunders"
        group = (await aggregated(api))[-1]
        assert group["metadata"]["name"] == GROUP
        assert group["versions"][0]["freshness"] == "Current"
        assert group["versions"][0]["resources"][0]["resource"] == "flunders"
        await api.ok("PATCH", f"{SERVICES}/{NAME}", {"spec": {"groupPriorityMinimum": 17790}}, Content_Type=MERGE)
        await groups(api, lambda names: names[:3] == ["apiregistration.k8s.io", "apps", GROUP])


async def groups(api: Api, satisfied: Callable[[list[str]], bool]) -> None:
    """Wait for names of groups that satisfy."""

    async def now() -> bool:
        return satisfied([one["metadata"]["name"] for one in await aggregated(api)])

    await eventually(now)


async def test_servers_that_know_only_the_old_documents(tmp_path: Path) -> None:
    async with running(tmp_path) as api, extension(api.pki) as served:
        served.aggregated = served.version3 = False
        await register(api, served)
        await condition(api, reason("Passed"))
        resource = (await aggregated(api))[-1]["versions"][0]["resources"][0]
        kind = {"group": "", "version": "", "kind": "Flunder"}
        assert resource["responseKind"] == kind
        assert resource["shortNames"] == ["fl"]
        assert resource["subresources"] == [{"subresource": "status", "responseKind": kind, "verbs": ["get"]}]
        url = (await api.ok("GET", "/openapi/v3"))["paths"][PATH[1:]]["serverRelativeURL"]
        document = await api.ok("GET", url)
        assert document["components"]["schemas"]["Flunder"]["properties"]["metadata"]["$ref"].startswith("#/components/schemas/")
        assert document["paths"][f"{PATH}/flunders"]["get"]["responses"]["200"]["content"]["*/*"]["schema"]["$ref"].endswith("/Flunder")


async def test_openapi_is_merged(tmp_path: Path) -> None:
    async with running(tmp_path) as api, extension(api.pki) as served:
        before = await api("GET", "/openapi/v2")
        await register(api, served)
        await condition(api, reason("Passed"))
        answer = await api("GET", "/openapi/v2")
        assert answer.header("etag") != before.header("etag")
        merged = answer.body
        assert f"{PATH}/flunders" in merged["paths"]
        assert "/api/v1/pods" in merged["paths"]
        meta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
        assert merged["definitions"]["Flunder"]["properties"]["metadata"]["$ref"] == f"#/definitions/{meta}_v2", "two that differ"
        assert merged["definitions"][f"{meta}_v2"]["description"] == "another one"
        assert "Unused" not in merged["definitions"]
        assert (await api.ok("GET", "/openapi/v3"))["paths"][PATH[1:]] == {"serverRelativeURL": f"/openapi/v3{PATH}?hash=ABC"}
        assert "Flunder" in (await api.ok("GET", f"/openapi/v3{PATH}"))["components"]["schemas"]
        await api.ok("DELETE", f"{SERVICES}/{NAME}")
        await groups(api, lambda names: GROUP not in names)
        assert (await api("GET", "/openapi/v2")).header("etag") == before.header("etag")
        assert (await api("GET", PATH)).status == 404


async def test_what_does_not_answer_is_unavailable_and_stale(tmp_path: Path) -> None:
    async with running(tmp_path) as api, extension(api.pki) as served:
        await register(api, served)
        await condition(api, reason("Passed"))
        served.healthy = False
        await touch(api)
        found = await condition(api, reason("FailedDiscoveryCheck"))
        url = f"https://localhost:{served.port}{PATH}"
        assert found["status"] == "False"
        assert found["message"] == f"failing or missing response from {url}: bad status from {url}: 500"
        refused = await api("GET", FLUNDERS)
        assert (refused.status, refused.raw) == (503, b"service unavailable\n")
        assert refused.header("content-type").startswith("text/plain")
        shown = (await api("GET", "/metrics")).raw.decode()
        assert f'aggregator_unavailable_apiservice{{name="{NAME}"}} 1\n' in shown
        assert f'aggregator_unavailable_apiservice_total{{name="{NAME}",reason="FailedDiscoveryCheck"}} 1\n' in shown
        assert 'aggregator_unavailable_apiservice{name="v1.apps"} 0\n' in shown
        version = (await aggregated(api))[-1]["versions"][0]
        assert version["freshness"] == "Stale"
        assert version["resources"][0]["resource"] == "flunders", "what is known still stands"
        served.healthy = True
        await touch(api)
        await condition(api, reason("Passed"))
        assert (await api("GET", FLUNDERS)).status == 200
        assert (await aggregated(api))[-1]["versions"][0]["freshness"] == "Current"


async def touch(api: Api) -> None:
    """Change the Service, which makes the server look again."""
    patch = {"metadata": {"annotations": {"touched": str(api.server.store.revision)}}}
    await api.ok("PATCH", "/api/v1/namespaces/ext/services/sample-api", patch, Content_Type=MERGE)


@pytest.mark.parametrize("insecure", [False, True])
async def test_certificates_must_name_the_service(tmp_path: Path, *, insecure: bool) -> None:
    async with running(tmp_path) as api, extension(api.pki, "other.ext.svc") as served:
        await register(api, served, **({"insecureSkipTLSVerify": True, "caBundle": None} if insecure else {}))
        if insecure:
            await condition(api, reason("Passed"))
            return
        found = await condition(api, reason("FailedDiscoveryCheck"))
        assert "x509" in found["message"]
        await api.ok("DELETE", f"{SERVICES}/{NAME}")
        await asyncio.sleep(1)  # handshakes that the server broke off end at the other side too, before its loop does


async def test_reasons_of_services_that_lead_nowhere(tmp_path: Path) -> None:
    async with running(tmp_path) as api, extension(api.pki) as served:
        await api.namespace("ext")
        await api.ok("POST", SERVICES, api_service(api, 7443))
        assert (await condition(api, reason("ServiceNotFound")))["message"] == 'service/sample-api in "ext" is not present'
        service = {"metadata": {"name": "sample-api"}, "spec": {"ports": [{"port": 443}]}}
        await api.ok("POST", "/api/v1/namespaces/ext/services", service)
        assert (await condition(api, reason("ServicePortError")))["message"] == 'service/sample-api in "ext" is not listening on port 7443'
        ports = {"spec": {"ports": [{"port": 7443}]}}
        await api.ok("PATCH", "/api/v1/namespaces/ext/services/sample-api", ports, Content_Type=MERGE)
        found = await condition(api, reason("EndpointsNotFound"))
        assert found["message"] == 'cannot find endpointslices for service/sample-api in "ext"'
        await endpoints(api, served.port, ready=False)
        found = await condition(api, reason("MissingEndpoints"))
        assert found["message"] == 'endpointslices for service/sample-api in "ext" have no addresses with port name ""'
        await endpoints(api, served.port, ready=True)
        await condition(api, reason("Passed"))
        assert (await api.ok("GET", FLUNDERS))["items"] == [], "at the endpoint's own port"


async def endpoints(api: Api, port: int, *, ready: bool) -> None:
    """Write a slice as the server keeps it: validation would refuse an endpoint on loopback."""
    document = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "sample-api-1", "namespace": "ext", "labels": {"kubernetes.io/service-name": "sample-api"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": ready}}],
        "ports": [{"name": "", "port": port}],
    }
    key = "/registry/endpointslices/ext/sample-api-1"
    entry = api.server.store.get(key)
    value = json.dumps(document, separators=(",", ":")).encode()
    await api.server.store.write(key, value, entry.revision if entry else 0)


async def test_local_api_services_are_there_and_available(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        items = (await api.ok("GET", SERVICES))["items"]
        assert {"v1.", "v1.apps", "v2.autoscaling"} <= {one["metadata"]["name"] for one in items}
        assert all(one["status"]["conditions"][0]["reason"] == "Local" for one in items)
        apps = await api.ok("GET", f"{SERVICES}/v1.apps/status")
        apps["status"]["conditions"] = []
        await api.ok("PUT", f"{SERVICES}/v1.apps/status", apps)
        found = await condition(api, reason("Local"), "v1.apps")
        assert found["message"] == "Local APIServices are always available"


def definition(group: str, *versions: str) -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    served = [{"name": name, "served": True, "storage": name == versions[0], "schema": schema} for name in versions]
    names = {"plural": "crons", "singular": "cron", "kind": "Cron", "listKind": "CronList"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"crons.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": served},
    }


async def test_custom_resources_get_api_services(tmp_path: Path) -> None:
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    async with running(tmp_path) as api:
        made = await api.ok("POST", definitions, definition("stable.example.com", "v1", "v1beta1"))
        for version in ("v1", "v1beta1"):
            await condition(api, reason("Local"), f"{version}.stable.example.com")
        found = await api.ok("GET", f"{SERVICES}/v1.stable.example.com")
        assert found["metadata"]["labels"] == {"kube-aggregator.kubernetes.io/automanaged": "true"}
        assert (found["spec"]["groupPriorityMinimum"], found["spec"]["versionPriority"]) == (1000, 100)
        await api.ok("DELETE", f"{SERVICES}/v1.stable.example.com")
        await condition(api, reason("Local"), "v1.stable.example.com")
        live = await api.ok("GET", f"{definitions}/{made['metadata']['name']}")
        live["spec"]["versions"][1]["served"] = False
        await api.ok("PUT", f"{definitions}/{made['metadata']['name']}", live)
        await gone(api, "v1beta1.stable.example.com")


async def gone(api: Api, name: str) -> None:
    async def now() -> bool:
        return (await api("GET", f"{SERVICES}/{name}")).status == 404

    await eventually(now)


async def test_api_services_by_every_verb(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        wanted = api_service(api, 443)
        made = await api.ok("POST", SERVICES, wanted)
        assert "conditions" not in made.get("status", {})
        for patch, expected in (({"versionPriority": 400}, 400), ({"versionPriority": 300}, 300)):
            answer = await api.ok("PATCH", f"{SERVICES}/{NAME}", {"spec": patch}, Content_Type=MERGE)
            assert answer["spec"]["versionPriority"] == expected
        conditions = [{"type": "StatusUpdated", "status": "True", "reason": "E2E", "message": "Set"}]
        await condition(api, reason("ServiceNotFound"))
        await api.ok("PATCH", f"{SERVICES}/{NAME}/status", {"status": {"conditions": conditions}}, Content_Type=MERGE)
        await condition(api, reason("ServiceNotFound"))
        await api.ok("PATCH", f"{SERVICES}/{NAME}", {"metadata": {"labels": {"a": "b"}}}, Content_Type=MERGE)
        invalid: Answer = await api("POST", SERVICES, {**wanted, "metadata": {"name": "wrong"}})
        assert invalid.status == 422
        await api.ok("DELETE", f"{SERVICES}?labelSelector=a%3Db")
        assert (await api("GET", f"{SERVICES}/{NAME}")).status == 404


async def test_a_server_that_fails_differently_each_time_is_not_asked_in_a_rush(tmp_path: Path) -> None:
    async with running(tmp_path) as api, extension(api.pki) as served:
        served.healthy = False
        served.fickle = True
        await register(api, served)
        await condition(api, reason("FailedDiscoveryCheck"))
        await asyncio.sleep(0.5)
        assert len(served.requests) <= 4 * 5, "its own note of a failure is no reason to ask again"


async def test_a_renewed_front_proxy_certificate_is_shown(tmp_path: Path) -> None:
    async with running(tmp_path) as api, extension(api.pki) as served:
        await register(api, served)
        await condition(api, reason("Passed"))
        front = Pki(tmp_path / "front-proxy")
        front.issue("front-proxy-client")
        refused = await api("GET", FLUNDERS)
        assert refused.status == 503, "an authority that nobody knows"
        await api.ok("DELETE", f"{SERVICES}/{NAME}")
        await asyncio.sleep(0.2)


async def test_names_that_are_no_hosts_are_a_failure_like_others(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.namespace("ext")
        service = {"metadata": {"name": "sample-api"}, "spec": {"type": "ExternalName", "externalName": f"{'a' * 63}.{'b' * 64}.example"}}
        made = await api("POST", "/api/v1/namespaces/ext/services", service)
        assert made.status == 201, made.raw
        await api.ok("POST", SERVICES, api_service(api, 443))
        await condition(api, reason("FailedDiscoveryCheck"))
        assert (await api("GET", "/readyz")).status == 200


async def test_clients_discover_the_rest_while_one_server_is_down(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.ok("POST", SERVICES, api_service(api, 443))
        await condition(api, reason("ServiceNotFound"))
        async with Client(load_kubeconfig(api.kubeconfig()), clock=RealClock(), random=RealRandom()) as client:
            with pytest.raises(DiscoveryError) as error:
                await discover(client)
            rows = await discovered(client)
        name = f"{GROUP}/{VERSION}"
        assert str(error.value) == f"unable to retrieve the complete list of server APIs: {name}: stale GroupVersion discovery: {name}"
        assert {"pods", "deployments"} <= {row.plural for row in rows}
