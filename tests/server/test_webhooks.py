"""Admission webhooks over the whole server: a real HTTPS webhook is asked about real writes."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.server.audit.test_audit import events, settings
from tests.server.custom.support import CRDS, WIDGETS, define, definition, version, widget
from tests.server.custom.support import GROUP as GROUP_OF_WIDGETS
from tests.server.harness import APPLY, JSON_PATCH, MERGE, Answer, Api, config_map, pod, running
from tests.server.webhooks.webhook_server import WebhookServer, webhook_server

GROUP = "/apis/admissionregistration.k8s.io/v1"
MUTATING, VALIDATING = f"{GROUP}/mutatingwebhookconfigurations", f"{GROUP}/validatingwebhookconfigurations"
Verdict = Callable[[dict[str, Any]], dict[str, Any]]


def allow(_: dict[str, Any]) -> dict[str, Any]:
    return {"allowed": True}


def deny(text: str = "no", **status: Any) -> Verdict:
    return lambda _: {"allowed": False, "status": {"message": text, **status}}


def patch(*operations: dict[str, Any], **more: Any) -> Verdict:
    patched = base64.b64encode(json.dumps(operations).encode()).decode()
    return lambda _: {"allowed": True, "patch": patched, "patchType": "JSONPatch", **more}


def add(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


class Hooks:
    """A webhook server whose paths are verdicts, and the API server that asks it."""

    def __init__(self, api: Api, server: WebhookServer) -> None:
        self.api, self.server = api, server
        self.verdicts: dict[str, Verdict] = {}

    def answer(self, path: str, review: Any) -> Any:
        verdict = self.verdicts[path.partition("?")[0]]
        response = {"uid": review["request"]["uid"], **verdict(review["request"])}
        return {"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": response}

    def asked(self, path: str) -> list[dict[str, Any]]:
        return [body["request"] for where, body in self.server.calls if where.partition("?")[0] == path]

    def hook(self, path: str, verdict: Verdict, rule: dict[str, Any], **spec: Any) -> dict[str, Any]:
        self.verdicts[path] = verdict
        whole = {"operations": ["*"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], **rule}
        client = {"url": self.server.url(path), "caBundle": self.server.bundle}
        name = f"{path.strip('/')}.example.com"
        return {
            "name": name,
            "clientConfig": client,
            "rules": [whole],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1", "v1beta1"],
            **spec,
        }

    async def configure(self, where: str, name: str, *hooks: dict[str, Any]) -> None:
        await self.api.ok("POST", where, {"metadata": {"name": name}, "webhooks": list(hooks)})

    async def mutate(self, path: str, verdict: Verdict, rule: dict[str, Any] | None = None, **spec: Any) -> None:
        await self.configure(MUTATING, path.strip("/"), self.hook(path, verdict, rule or {}, **spec))

    async def validate(self, path: str, verdict: Verdict, rule: dict[str, Any] | None = None, **spec: Any) -> None:
        await self.configure(VALIDATING, path.strip("/"), self.hook(path, verdict, rule or {}, **spec))


@asynccontextmanager
async def hooked(directory: Path, **settings: Any) -> AsyncIterator[tuple[Api, Hooks, str]]:
    """Run both servers; the namespace `a` is there."""
    async with running(directory, **settings) as api, webhook_server(directory, lambda *_: {}) as server:
        hooks = Hooks(api, server)
        server.answer = hooks.answer
        yield api, hooks, await api.namespace("a")


def denial(answer: Answer, code: int = 400) -> str:
    assert answer.status == code, answer.raw
    return str(answer.body["message"])


async def test_a_denial_is_told_to_the_client(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, base):
        await hooks.validate("/deny", deny("unwanted"), {"operations": ["CREATE"]})
        answer = await api("POST", f"{base}/configmaps", config_map("c"))
        assert denial(answer) == 'admission webhook "deny.example.com" denied the request: unwanted'
        assert answer.body["status"] == "Failure"
        details = {"name": "x", "kind": "y", "causes": [{"reason": "r", "message": "m", "field": "f"}], "retryAfterSeconds": 3}
        hooks.verdicts["/deny"] = deny("", reason="TooManyRequests", code=429, details=details)
        answer = await api("POST", f"{base}/configmaps", config_map("c"))
        assert denial(answer, 429) == 'admission webhook "deny.example.com" denied the request: TooManyRequests'
        assert (answer.body["reason"], answer.body["details"], answer.header("retry-after")) == ("TooManyRequests", details, "3")
        hooks.verdicts["/deny"] = lambda _: {"allowed": False}
        answer = await api("POST", f"{base}/configmaps", config_map("c"))
        assert denial(answer) == 'admission webhook "deny.example.com" denied the request without explanation'
        assert (await api("GET", f"{base}/configmaps/c")).status == 404
        await api.ok("DELETE", f"{VALIDATING}/deny")
        await api.ok("POST", f"{base}/configmaps", config_map("c"))


async def test_the_question_says_all_about_the_write(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, base):
        await hooks.validate("/see", allow)
        made = await api.ok("POST", f"{base}/configmaps?fieldManager=me&fieldValidation=Strict", config_map("c", k="1"))
        await api.ok("PUT", f"{base}/configmaps/c", config_map("c", k="2"))
        await api.ok("PATCH", f"{base}/configmaps/c?dryRun=All", {"data": {"k": "3"}}, Content_Type=MERGE)
        await api.ok("DELETE", f"{base}/configmaps/c", {"propagationPolicy": "Background"})
        create, update, patched, delete = hooks.asked("/see")
        kind, resource = {"group": "", "version": "v1", "kind": "ConfigMap"}, {"group": "", "version": "v1", "resource": "configmaps"}
        assert (create["kind"], create["requestKind"], create["resource"], create["requestResource"]) == (kind, kind, resource, resource)
        assert (create["name"], create["namespace"], create["operation"], create["dryRun"]) == ("c", "a", "CREATE", False)
        assert create["userInfo"]["username"] == "admin"
        assert "system:masters" in create["userInfo"]["groups"]
        assert create["oldObject"] is None
        assert (create["object"]["kind"], create["object"]["data"]) == ("ConfigMap", {"k": "1"})
        assert create["object"]["metadata"]["uid"] == made["metadata"]["uid"]
        options = {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "me", "fieldValidation": "Strict"}
        assert create["options"] == options
        assert (update["operation"], update["oldObject"]["data"], update["object"]["data"]) == ("UPDATE", {"k": "1"}, {"k": "2"})
        assert update["options"] == {"kind": "UpdateOptions", "apiVersion": "meta.k8s.io/v1"}
        assert (patched["operation"], patched["dryRun"], patched["options"]["dryRun"]) == ("UPDATE", True, ["All"])
        assert (delete["operation"], delete["object"], delete["oldObject"]["data"]) == ("DELETE", None, {"k": "2"})
        assert (delete["options"]["kind"], delete["options"]["propagationPolicy"]) == ("DeleteOptions", "Background")
        assert len({request["uid"] for request in (create, update, patched, delete)}) == 4


async def test_a_collection_is_deleted_one_by_one(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, base):

        def all_but_b(request: dict[str, Any]) -> dict[str, Any]:
            return {"allowed": request["oldObject"]["metadata"]["name"] != "b", "status": {"message": "keep"}}

        await hooks.validate("/keep", all_but_b, {"operations": ["DELETE"]})
        for name in "abc":
            await api.ok("POST", f"{base}/configmaps", config_map(name))
        answer = await api("DELETE", f"{base}/configmaps")
        assert "keep" in denial(answer)
        assert [request["name"] for request in hooks.asked("/keep")] == ["a", "b"]
        left = await api.ok("GET", f"{base}/configmaps")
        assert [item["metadata"]["name"] for item in left["items"]] == ["b", "c"]


async def test_pods_are_mutated_and_get_defaults(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, base):
        container = {"name": "added", "image": "x"}
        await hooks.mutate("/pods", patch(add("/spec/initContainers", [container])), {"resources": ["pods"], "operations": ["CREATE"]})
        made = await api.ok("POST", f"{base}/pods", pod("p"))
        added = made["spec"]["initContainers"][0]
        assert (added["name"], added["terminationMessagePolicy"], added["imagePullPolicy"]) == ("added", "File", "Always")
        assert [mount["mountPath"] for mount in added["volumeMounts"]] == ["/var/run/secrets/kubernetes.io/serviceaccount"]
        assert len(made["spec"]["volumes"]) == 1
        assert len(hooks.asked("/pods")) == 1


async def test_mutations_add_up_in_the_order_of_names(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, base):
        await hooks.mutate("/b", patch(add("/data/b", "1")))
        await hooks.mutate("/a", patch(add("/data/a", "1"), warnings=["take\r\ncare"]))
        answer = await api("POST", f"{base}/configmaps", config_map("c", k="1"))
        assert answer.body["data"] == {"k": "1", "a": "1", "b": "1"}
        assert answer.header("warning") == '299 - "takecare"'
        assert hooks.asked("/b")[0]["object"]["data"] == {"k": "1", "a": "1"}
        fields = answer.body["metadata"]["managedFields"]
        assert [entry["manager"] for entry in fields] == ["test"]


async def test_who_wants_to_know_is_asked_again(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, base):
        await hooks.mutate("/a", allow, reinvocationPolicy="IfNeeded")
        await hooks.mutate("/b", allow)
        await hooks.mutate("/c", patch(add("/data/c", "1")), reinvocationPolicy="IfNeeded")
        await api.ok("POST", f"{base}/configmaps", config_map("x", k="1"))
        assert [len(hooks.asked(path)) for path in ("/a", "/b", "/c")] == [2, 1, 1]
        assert hooks.asked("/a")[1]["object"]["data"] == {"k": "1", "c": "1"}
        hooks.verdicts["/a"] = patch(add("/data/a", "1"))
        hooks.server.calls.clear()
        await api.ok("POST", f"{base}/configmaps", config_map("y", k="1"))
        assert [len(hooks.asked(path)) for path in ("/a", "/b", "/c")] == [2, 1, 1]


@pytest.mark.parametrize("policy", ["Fail", "Ignore"])
async def test_a_webhook_that_cannot_be_asked(tmp_path: Path, policy: str) -> None:
    async with hooked(tmp_path) as (api, hooks, base):
        hook = hooks.hook("/x", allow, {}, failurePolicy=policy)
        service = {"namespace": "a", "name": "gone", "path": "/configmaps", "port": 8443}
        hook["clientConfig"] = {"service": service, "caBundle": hooks.server.bundle}
        await hooks.configure(VALIDATING, "x", hook)
        answer = await api("POST", f"{base}/configmaps", config_map("c"))
        if policy == "Ignore":
            assert answer.status == 201
            return
        where = 'Post "https://gone.a.svc:8443/configmaps?timeout=10s": service "gone" not found'
        failed = f'failed calling webhook "x.example.com": failed to call webhook: {where}'
        assert denial(answer, 500) == f"Internal error occurred: {failed}"
        assert (answer.body["reason"], answer.body["details"]["causes"]) == ("InternalError", [{"message": failed}])


@pytest.mark.parametrize("where", [MUTATING, VALIDATING])
async def test_a_slow_webhook(tmp_path: Path, where: str) -> None:
    async with hooked(tmp_path) as (api, hooks, base):

        async def hold(_: str) -> None:
            await asyncio.sleep(1.5)

        hooks.server.hold = hold
        await hooks.configure(where, "slow", hooks.hook("/slow", allow, {}, timeoutSeconds=1))
        answer = await api("POST", f"{base}/configmaps", config_map("c"))
        assert f'Post "{hooks.server.url("/slow")}?timeout=1s": context deadline exceeded' in denial(answer, 500)
        await api.ok(
            "PATCH", f"{where}/slow", [{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}], Content_Type=JSON_PATCH
        )
        await api.ok("POST", f"{base}/configmaps", config_map("c"))
        await api.ok(
            "PATCH", f"{where}/slow", [{"op": "replace", "path": "/webhooks/0/timeoutSeconds", "value": 5}], Content_Type=JSON_PATCH
        )
        await api.ok("POST", f"{base}/configmaps", config_map("d"))


@pytest.mark.parametrize(
    ("response", "complaint"),
    [
        ({"uid": "x", "allowed": True}, 'expected response.uid="'),
        ({"allowed": True, "patch": "W10="}, "webhook returned response.patch but not response.patchType"),
        ({"allowed": True, "patchType": "JSONPatch"}, "webhook returned response.patchType but not response.patch"),
        ({"allowed": True, "patch": "e30=", "patchType": "JSONPatch"}, "received undecodable patch in webhook response"),
        ({"allowed": True, "patch": "W3t9XQ==", "patchType": "Other"}, 'unsupported patch type "Other"'),
        (None, "webhook response was absent"),
    ],
)
async def test_answers_that_are_none(tmp_path: Path, response: Any, complaint: str) -> None:
    async with hooked(tmp_path) as (api, hooks, base):
        await hooks.mutate("/odd", allow)

        def answer(_: str, review: Any) -> Any:
            whole = None if response is None else {"uid": review["request"]["uid"], **response}
            return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": whole}

        hooks.server.answer = answer
        assert complaint in denial(await api("POST", f"{base}/configmaps", config_map("c")), 500)
        hooks.server.answer = lambda _, review: {"response": {"uid": review["request"]["uid"], "allowed": True}}
        expected = "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got /, Kind="
        assert expected in denial(await api("POST", f"{base}/configmaps", config_map("c")), 500)


async def test_patches_that_cannot_be_applied(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, base):
        await hooks.mutate("/odd", patch({"op": "remove", "path": "/data/x"}))
        assert "Internal error occurred: " in denial(await api("POST", f"{base}/configmaps", config_map("c", k="1")), 500)
        hooks.verdicts["/odd"] = patch(add("/data", "text"))
        assert "Internal error occurred: " in denial(await api("POST", f"{base}/configmaps", config_map("c", k="1")), 500)
        hooks.verdicts["/odd"] = allow
        await api.ok("POST", f"{base}/configmaps", config_map("c", k="1"))
        hooks.verdicts["/odd"] = patch(add("/metadata/labels", {}))
        refusal = denial(await api("DELETE", f"{base}/configmaps/c"), 500)
        assert 'admission webhook "odd.example.com" attempted to modify the object, which is not supported for this operation' in refusal
        hooks.verdicts["/odd"] = patch(add("/metadata/namespace", "b"))
        answer = await api("POST", f"{base}/configmaps", config_map("d"))
        assert (answer.status, "namespace" in answer.body["message"]) == (400, True)


async def test_selectors_and_scopes(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, base):
        rule = {"operations": ["CREATE", "UPDATE"], "resources": ["configmaps", "namespaces"]}
        marked = {"matchLabels": {"mark": "yes"}}
        await hooks.validate("/ns", deny("namespace"), rule, namespaceSelector=marked)
        await hooks.validate("/obj", deny("object"), rule, objectSelector=marked)
        await api.ok("POST", f"{base}/configmaps", config_map("plain"))
        assert "object" in denial(
            await api("PATCH", f"{base}/configmaps/plain", {"metadata": {"labels": {"mark": "yes"}}}, Content_Type=MERGE)
        )
        body = {"metadata": {"name": "n", "labels": {"mark": "yes"}}}
        assert "namespace" in denial(await api("POST", "/api/v1/namespaces", body))
        await api.ok("DELETE", f"{VALIDATING}/ns")
        await api.ok("DELETE", f"{VALIDATING}/obj")
        await api.ok("PATCH", "/api/v1/namespaces/a", {"metadata": {"labels": {"mark": "yes"}}}, Content_Type=MERGE)
        await hooks.validate("/ns", deny("namespace"), {"operations": ["*"], "resources": ["*"]}, namespaceSelector=marked)
        assert "namespace" in denial(await api("POST", f"{base}/configmaps", config_map("other")))
        await api.ok("DELETE", f"{VALIDATING}/ns")
        await hooks.validate("/scope", deny("scope"), {"resources": ["*"], "scope": "Cluster"})
        await api.ok("POST", f"{base}/configmaps", config_map("other"))
        answer = await api("PATCH", "/api/v1/namespaces/a", {"metadata": {"labels": {"x": "y"}}}, Content_Type=MERGE)
        assert "scope" in denial(answer)
        request = hooks.asked("/scope")[0]
        assert (request["name"], request["namespace"]) == ("a", "a")


async def test_configurations_cannot_be_guarded_by_webhooks(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, _):
        rule = {"apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]}
        await hooks.validate("/deny", deny(), rule)
        await hooks.mutate("/label", patch(add("/metadata/labels", {"changed": "yes"})), rule)
        await hooks.configure(VALIDATING, "third", hooks.hook("/third", allow, {}))
        third = await api.ok("GET", f"{VALIDATING}/third")
        assert "labels" not in third["metadata"]
        for where in (f"{VALIDATING}/third", f"{MUTATING}/label", f"{VALIDATING}/deny"):
            await api.ok("DELETE", where)
        assert hooks.server.calls == []


async def test_configurations_are_listed_and_deleted_as_a_collection(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, base):
        for name in ("one", "two"):
            body = {"metadata": {"name": name, "labels": {"set": "x"}}, "webhooks": [hooks.hook(f"/{name}", deny(name), {})]}
            await api.ok("POST", VALIDATING, body)
        assert len((await api.ok("GET", f"{VALIDATING}?labelSelector=set%3Dx"))["items"]) == 2
        assert "one" in denial(await api("POST", f"{base}/configmaps", config_map("c")))
        await api.ok("DELETE", f"{VALIDATING}?labelSelector=set%3Dx")
        await api.ok("POST", f"{base}/configmaps", config_map("c"))


async def test_dry_runs_reach_only_harmless_webhooks(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, base):
        await hooks.validate("/calm", allow, sideEffects="NoneOnDryRun")
        await api.ok("POST", f"{base}/configmaps?dryRun=All", config_map("c"))
        assert hooks.asked("/calm")[0]["dryRun"] is True


async def test_old_review_versions(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, base):
        await hooks.mutate("/old", patch(add("/data/o", "1")), admissionReviewVersions=["v2", "v1beta1"])
        assert (await api.ok("POST", f"{base}/configmaps", config_map("c", k="1")))["data"]["o"] == "1"
        assert hooks.server.calls[0][1]["apiVersion"] == "admission.k8s.io/v1beta1"


async def test_equivalent_versions_are_asked_about_in_the_version_of_the_rule(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, _):
        rule = {"apiGroups": ["autoscaling"], "apiVersions": ["v1"], "resources": ["horizontalpodautoscalers"]}
        await hooks.mutate("/hpa", patch(add("/spec/targetCPUUtilizationPercentage", 30)), rule)
        await hooks.validate("/exact", deny(), rule, matchPolicy="Exact")
        spec = {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}}
        body = {"metadata": {"name": "h"}, "spec": spec}
        made = await api.ok("POST", "/apis/autoscaling/v2/namespaces/a/horizontalpodautoscalers", body)
        metric = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 30}}}
        assert made["spec"]["metrics"] == [metric]
        request = hooks.asked("/hpa")[0]
        assert (request["kind"]["version"], request["requestKind"]["version"], request["object"]["apiVersion"]) == (
            "v1",
            "v2",
            "autoscaling/v1",
        )
        assert request["resource"]["version"] == "v1"


async def test_subresources_speak_their_own_kinds(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, base):
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        body = {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}}
        where = "/apis/apps/v1/namespaces/a/deployments"
        await api.ok("POST", where, body)
        rule = {"apiGroups": ["apps"], "resources": ["deployments/scale"]}
        await hooks.mutate("/scale", patch({"op": "replace", "path": "/spec/replicas", "value": 7}), rule)
        assert (await api.ok("PATCH", f"{where}/d/scale", {"spec": {"replicas": 5}}, Content_Type=MERGE))["spec"]["replicas"] == 7
        request = hooks.asked("/scale")[0]
        assert (request["kind"], request["subResource"]) == ({"group": "autoscaling", "version": "v1", "kind": "Scale"}, "scale")
        assert (request["object"]["kind"], request["object"]["spec"], request["oldObject"]["spec"]) == (
            "Scale",
            {"replicas": 5},
            {"replicas": 1},
        )
        assert (await api.ok("GET", f"{where}/d"))["spec"]["replicas"] == 7
        await api.ok("POST", f"{base}/pods", pod("p"))
        await hooks.validate(
            "/sub", deny("sub"), {"resources": ["pods/binding", "pods/eviction", "serviceaccounts/token", "pods/status", "bindings"]}
        )
        binding = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}}
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}
        for path, posted in (("pods/p/binding", binding), ("pods/p/eviction", eviction), ("serviceaccounts/default/token", {"spec": {}})):
            assert "sub" in denial(await api("POST", f"{base}/{path}", posted))
        assert "sub" in denial(await api("PATCH", f"{base}/pods/p/status", {"status": {"phase": "Running"}}, Content_Type=MERGE))
        assert "sub" in denial(await api("POST", f"{base}/bindings", binding))
        kinds = [(request["kind"]["kind"], request["resource"]["resource"]) for request in hooks.asked("/sub")]
        others = [("Eviction", "pods"), ("TokenRequest", "serviceaccounts"), ("Pod", "pods")]
        assert kinds == [("Binding", "pods"), *others, ("Binding", "bindings")]


async def test_connections_can_be_denied(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, base):
        await api.ok("POST", f"{base}/pods", pod("p"))
        await hooks.validate(
            "/attach", deny("attaching is not allowed"), {"operations": ["CONNECT"], "resources": ["pods/attach", "pods/exec"]}
        )
        answer = await api("POST", f"{base}/pods/p/attach?container=main&stdin=true&stdout=1")
        assert "attaching is not allowed" in denial(answer)
        answer = await api("GET", f"{base}/pods/p/exec?command=a&command=b")
        assert "attaching is not allowed" in denial(answer)
        attach, run = hooks.asked("/attach")
        shown = {"kind": "PodAttachOptions", "apiVersion": "v1", "container": "main", "stdin": True, "stdout": True}
        assert (attach["object"], attach["oldObject"], attach["options"], attach["name"]) == (shown, None, None, "p")
        assert run["object"] == {"kind": "PodExecOptions", "apiVersion": "v1", "command": ["a", "b"]}


async def test_apply_is_admitted_like_any_write(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, base):
        await hooks.mutate("/m", patch(add("/metadata/annotations", {"by": "webhook"})))
        where = f"{base}/configmaps/c?fieldManager=me"
        made = await api.ok("PATCH", where, config_map("c", k="1"), Content_Type=APPLY)
        assert made["metadata"]["annotations"] == {"by": "webhook"}
        assert hooks.asked("/m")[0]["operation"] == "CREATE"
        assert [entry["operation"] for entry in made["metadata"]["managedFields"]] == ["Apply"]
        again = await api.ok("PATCH", where, config_map("c", k="1"), Content_Type=APPLY)
        assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
        assert hooks.asked("/m")[1]["operation"] == "UPDATE"


async def test_managers_that_a_webhook_spoils_are_put_back(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, base):
        await hooks.mutate("/m", patch({"op": "replace", "path": "/metadata/managedFields/0/operation", "value": "Odd"}))
        answer = await api("POST", f"{base}/configmaps", config_map("c", k="1"))
        assert answer.status == 201
        assert ".metadata.managedFields was in an invalid state after admission" in answer.header("warning")
        assert "f:data" in answer.body["metadata"]["managedFields"][0]["fieldsV1"]


async def test_all_validating_webhooks_are_asked_at_once(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, base):
        together = asyncio.Barrier(3)

        async def hold(_: str) -> None:
            await together.wait()

        hooks.server.hold = hold
        await hooks.configure(VALIDATING, "x", *(hooks.hook(f"/{name}", deny(name) if name == "b" else allow, {}) for name in "abc"))
        assert 'webhook "b.example.com" denied' in denial(await api("POST", f"{base}/configmaps", config_map("c")))


async def test_reviews_are_admitted_too(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, _):
        groups = ["authentication.k8s.io", "authorization.k8s.io"]
        await hooks.validate("/review", deny("review"), {"apiGroups": groups, "resources": ["*"]})
        access = {"resourceAttributes": {"verb": "get", "resource": "pods"}}
        local = {"user": "x", "resourceAttributes": {**access["resourceAttributes"], "namespace": "a"}}
        for path, spec in (
            (f"{groups[0]}/v1/tokenreviews", {"token": "x"}),
            (f"{groups[0]}/v1/selfsubjectreviews", {}),
            (f"{groups[1]}/v1/subjectaccessreviews", {"user": "x", **access}),
            (f"{groups[1]}/v1/selfsubjectaccessreviews", access),
            (f"{groups[1]}/v1/selfsubjectrulesreviews", {"namespace": "a"}),
            (f"{groups[1]}/v1/namespaces/a/localsubjectaccessreviews", local),
        ):
            assert "review" in denial(await api("POST", f"/apis/{path}", {"spec": spec} if spec else {}))
        kinds = [request["kind"]["kind"] for request in hooks.asked("/review")]
        assert kinds[0] == "TokenReview"
        assert len(kinds) == 6


async def test_a_service_is_asked_at_its_cluster_ip(tmp_path: Path) -> None:
    (tmp_path / "hook").mkdir()
    async with (
        running(tmp_path, service_cidrs=["127.96.0.0/16"], aggregator_routing=False) as api,
        webhook_server(tmp_path / "hook", lambda *_: {}, "hook.a.svc", host="127.96.7.7") as server,
    ):
        hooks = Hooks(api, server)
        server.answer = hooks.answer
        base = await api.namespace("a")
        spec = {"clusterIP": "127.96.7.7", "ports": [{"port": server.port}], "selector": {"a": "b"}}
        await api.ok("POST", f"{base}/services", {"metadata": {"name": "hook"}, "spec": spec})
        hook = hooks.hook("/deny", deny("asked"), {})
        hook["clientConfig"] = {
            "service": {"namespace": "a", "name": "hook", "path": "/deny", "port": server.port},
            "caBundle": server.bundle,
        }
        await hooks.configure(VALIDATING, "x", hook)
        assert "asked" in denial(await api("POST", f"{base}/configmaps", config_map("c")))


WIDGET_RULE = {"apiGroups": [GROUP_OF_WIDGETS], "apiVersions": ["*"], "resources": ["widgets"]}


async def test_custom_resources_are_mutated_pruned_and_defaulted(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, _):
        await define(api, definition())
        await hooks.mutate("/first", patch(add("/spec/tags", ["one"]), add("/spec/unknown", "pruned")), WIDGET_RULE)
        await hooks.mutate("/second", patch(add("/spec/tags/-", "two"), {"op": "remove", "path": "/spec/color"}), WIDGET_RULE)
        made = await api.ok("POST", WIDGETS, widget("w", spec={"size": 1, "color": "blue"}))
        assert made["spec"] == {"size": 1, "color": "red", "tags": ["one", "two"]}
        request = hooks.asked("/second")[0]
        assert request["kind"] == {"group": GROUP_OF_WIDGETS, "version": "v1", "kind": "Widget"}
        assert request["object"]["spec"] == {"size": 1, "color": "blue", "tags": ["one"]}
        hooks.verdicts["/second"] = patch(add("/spec/size", "text"))
        answer = await api("POST", WIDGETS, widget("x", spec={"size": 1}))
        assert (answer.status, "spec.size" in answer.body["message"]) == (422, True)


async def test_custom_resources_are_denied(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, _):

        def unwanted(request: dict[str, Any]) -> dict[str, Any]:
            found = (request["object"] or request["oldObject"])["spec"]
            return {"allowed": found.get("color") != "bad", "status": {"message": f"{request['operation']} of unwanted data"}}

        await define(api, definition())
        await api.ok("POST", WIDGETS, widget("old", spec={"color": "bad"}))
        await hooks.validate("/deny", unwanted, WIDGET_RULE)
        assert "CREATE of unwanted data" in denial(await api("POST", WIDGETS, widget("w", spec={"color": "bad"})))
        await api.ok("POST", WIDGETS, widget("w", spec={"color": "good"}))
        bad = {"spec": {"color": "bad"}}
        assert "UPDATE of unwanted data" in denial(await api("PATCH", f"{WIDGETS}/w", bad, Content_Type=MERGE))
        assert "DELETE of unwanted data" in denial(await api("DELETE", f"{WIDGETS}/old"))
        await api.ok("PATCH", f"{WIDGETS}/old", {"spec": {"color": "good"}}, Content_Type=MERGE)
        await api.ok("DELETE", f"{WIDGETS}/old")


async def test_custom_resources_in_other_versions_than_the_rule_s(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, _):
        await define(api, definition("widgets", "Widget", version("v1", storage=False), version("v2")))
        await hooks.mutate("/v2", patch(add("/spec/size", 9)), {**WIDGET_RULE, "apiVersions": ["v2"]})
        made = await api.ok("POST", WIDGETS, widget("w", spec={"size": 1}))
        assert (made["apiVersion"], made["spec"]["size"]) == (f"{GROUP_OF_WIDGETS}/v1", 9)
        request = hooks.asked("/v2")[0]
        assert (request["kind"]["version"], request["requestKind"]["version"]) == ("v2", "v1")
        assert request["object"]["apiVersion"] == f"{GROUP_OF_WIDGETS}/v2"
        assert request["resource"] == {"group": GROUP_OF_WIDGETS, "version": "v2", "resource": "widgets"}


async def test_definitions_are_admitted(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, _):
        rule = {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "operations": ["CREATE"]}
        await hooks.validate("/crd", deny("the crd contains unwanted label"), rule)
        assert "the crd contains unwanted label" in denial(await api("POST", CRDS, definition()))


async def test_only_what_the_conditions_want_is_asked_about(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, base):
        conditions = [
            {"name": "not-skipped", "expression": "object.metadata.name != 'skip-me'"},
            {"name": "not-dry", "expression": "!request.dryRun"},
            {"name": "may", "expression": "authorizer.group('').resource('secrets').namespace('a').check('get').allowed()"},
        ]
        await hooks.mutate("/m", patch(add("/data/m", "1")), matchConditions=conditions)
        assert (await api.ok("POST", f"{base}/configmaps", config_map("c", k="1")))["data"] == {"k": "1", "m": "1"}
        assert (await api.ok("POST", f"{base}/configmaps?dryRun=All", config_map("d", k="1")))["data"] == {"k": "1"}
        assert (await api.ok("POST", f"{base}/configmaps", config_map("skip-me", k="1")))["data"] == {"k": "1"}
        assert len(hooks.asked("/m")) == 1


@pytest.mark.parametrize("policy", ["Fail", "Ignore"])
async def test_conditions_that_fail(tmp_path: Path, policy: str) -> None:
    async with hooked(tmp_path) as (api, hooks, base):
        conditions = [{"name": "odd", "expression": "object.data.missing == 'x'"}]
        await hooks.validate("/v", deny(), matchConditions=conditions, failurePolicy=policy)
        answer = await api("POST", f"{base}/configmaps", config_map("c", k="1"))
        if policy == "Ignore":
            assert answer.status == 201
        else:
            assert 'configmaps "c" is forbidden: ' in denial(answer, 403)
            assert "no such key: missing" in answer.body["message"]
        assert hooks.asked("/v") == []
        never = [*conditions, {"name": "never", "expression": "false"}]
        await api.ok(
            "PATCH", f"{VALIDATING}/v", [{"op": "replace", "path": "/webhooks/0/matchConditions", "value": never}], Content_Type=JSON_PATCH
        )
        await api.ok("POST", f"{base}/configmaps", config_map("d", k="1"))


@pytest.mark.parametrize("where", [MUTATING, VALIDATING])
async def test_conditions_that_do_not_compile_are_refused(tmp_path: Path, where: str) -> None:
    async with hooked(tmp_path) as (api, hooks, _):
        hook = hooks.hook("/x", allow, {}, matchConditions=[{"name": "bad", "expression": "... [] bad expression"}])
        answer = await api("POST", where, {"metadata": {"name": "x"}, "webhooks": [hook]})
        assert (answer.status, "compilation failed" in answer.body["message"]) == (422, True)


async def test_the_second_round_changes_nothing_that_the_first_has_settled(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, base):
        vm = {
            "metadata": {"name": "vm"},
            "handler": "h",
            "overhead": {"podFixed": {"cpu": "1"}},
            "scheduling": {"nodeSelector": {"vm": "y"}},
        }
        await api.ok("POST", "/apis/node.k8s.io/v1/runtimeclasses", vm)
        await api.ok("POST", "/apis/scheduling.k8s.io/v1/priorityclasses", {"metadata": {"name": "high"}, "value": 7})
        limits = [{"type": "Container", "default": {"cpu": "2"}, "defaultRequest": {"cpu": "1"}}]
        await api.ok("POST", f"{base}/limitranges", {"metadata": {"name": "l"}, "spec": {"limits": limits}})
        wanted = pod("one", runtimeClassName="vm", priorityClassName="high")
        before = (await api.ok("POST", f"{base}/pods", wanted))["spec"]
        await hooks.mutate("/m", patch(add("/metadata/labels/by", "webhook")), {"resources": ["pods"]})
        after = (await api.ok("POST", f"{base}/pods", {**wanted, "metadata": {"name": "two", "labels": {"app": "x"}}}))["spec"]
        for spec in (before, after):
            name = spec["volumes"][0].pop("name")
            assert [mount.pop("name") for mount in spec["containers"][0]["volumeMounts"]] == [name]
        assert after == before


async def test_questions_are_counted(tmp_path: Path) -> None:
    async with hooked(tmp_path) as (api, hooks, base):
        await hooks.mutate("/m", allow)
        await hooks.validate("/v", deny(code=403))
        gone = hooks.hook("/gone", allow, {}, failurePolicy="Ignore")
        gone["clientConfig"] = {"url": "https://127.0.0.1:1/gone"}
        await hooks.configure(MUTATING, "gone", gone)
        assert (await api("POST", f"{base}/configmaps", config_map("c"))).status == 403
        text = (await api("GET", "/metrics")).raw.decode()
        for line in (
            'request_total{code="200",name="m.example.com",operation="CREATE",rejected="false",type="admit"} 1',
            'request_total{code="403",name="v.example.com",operation="CREATE",rejected="true",type="validating"} 1',
            'request_total{code="503",name="gone.example.com",operation="CREATE",rejected="false",type="admit"} 1',
            'rejection_count{error_type="no_error",name="v.example.com",operation="CREATE",rejection_code="403",type="validating"} 1',
            'fail_open_count{name="gone.example.com",type="admit"} 1',
            'admission_duration_seconds_count{name="m.example.com",operation="CREATE",rejected="false",type="admit"} 1',
        ):
            assert f"apiserver_admission_webhook_{line}" in text
        assert text.count("# TYPE apiserver_admission_webhook_request_total") == 1


async def test_the_audit_tells_what_webhooks_did(tmp_path: Path) -> None:
    async with hooked(tmp_path, **settings(tmp_path)) as (api, hooks, _):
        await hooks.mutate("/m", patch(add("/metadata/labels", {"a": "b"}), auditAnnotations={"key": "value"}), {"resources": ["*"]})
        gone = hooks.hook("/gone", allow, {}, failurePolicy="Ignore")
        gone["clientConfig"] = {"url": "https://127.0.0.1:1/gone"}
        await hooks.configure(VALIDATING, "gone", gone)
        await api.ok("POST", "/api/v1/namespaces/default/configmaps", config_map("c"))
        await api.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "n"}})
        whole, metadata = (one["annotations"] for one in events(tmp_path)[-3::2])
        said = {"configuration": "m", "webhook": "m.example.com"}
        assert whole["m.example.com/key"] == metadata["m.example.com/key"] == "value"
        assert json.loads(whole["mutation.webhook.admission.k8s.io/round_0_index_0"]) == {**said, "mutated": True}
        operations = [{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}]
        shown = {**said, "patch": operations, "patchType": "JSONPatch"}
        assert json.loads(whole["patch.webhook.admission.k8s.io/round_0_index_0"]) == shown
        assert "patch.webhook.admission.k8s.io/round_0_index_0" not in metadata
        assert whole["failed-open.validating.webhook.admission.k8s.io/round_0_index_0"] == "gone.example.com"


@pytest.mark.parametrize("where", [MUTATING, VALIDATING])
async def test_changes_of_a_configuration_hold_at_once(tmp_path: Path, where: str) -> None:
    async with hooked(tmp_path) as (api, hooks, base):
        verdict = patch(add("/data/mutated", "yes")) if where == MUTATING else deny("denied")
        hook = hooks.hook("/h", verdict, {"operations": ["CREATE"]})
        made = await api.ok("POST", where, {"metadata": {"name": "h"}, "webhooks": [hook]})

        async def concerned(name: str) -> bool:
            answer = await api("POST", f"{base}/configmaps", config_map(name, k="1"))
            return answer.status == 400 if where == VALIDATING else "mutated" in answer.body["data"]

        assert await concerned("a")
        made["webhooks"][0]["rules"][0]["operations"] = ["UPDATE"]
        updated = await api.ok("PUT", f"{where}/h", made)
        assert (updated["metadata"]["generation"], await concerned("b")) == (2, False)
        change = [{"op": "replace", "path": "/webhooks/0/rules/0/operations/0", "value": "CREATE"}]
        await api.ok("PATCH", f"{where}/h", change, Content_Type=JSON_PATCH)
        assert await concerned("c")
        labels = {"metadata": {"labels": {"set": "x"}}}
        await api.ok("PATCH", f"{where}/h", labels, Content_Type=MERGE)
        await api.ok("DELETE", f"{where}?labelSelector=set%3Dx")
        assert not await concerned("d")


async def test_every_way_to_write_a_custom_resource_is_admitted(tmp_path: Path) -> None:
    subresources = {"status": {}, "scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"}}
    async with hooked(tmp_path) as (api, hooks, _):
        await define(api, definition("widgets", "Widget", version("v1", subresources=subresources)))
        mark = patch(add("/metadata/annotations", {"by": "webhook"}))
        await hooks.mutate("/m", mark, {**WIDGET_RULE, "resources": ["widgets", "widgets/status"]})
        made = await api.ok("PATCH", f"{WIDGETS}/w?fieldManager=me", widget("w", spec={"size": 1}), Content_Type=APPLY)
        assert made["metadata"]["annotations"] == {"by": "webhook"}
        assert [entry["operation"] for entry in made["metadata"]["managedFields"]] == ["Apply"]
        again = await api.ok("PATCH", f"{WIDGETS}/w?fieldManager=me", widget("w", spec={"size": 1}), Content_Type=APPLY)
        assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
        await api.ok("PATCH", f"{WIDGETS}/w/status", {"status": {"phase": "on"}}, Content_Type=MERGE)
        await hooks.mutate(
            "/scale", patch({"op": "replace", "path": "/spec/replicas", "value": 7}), {**WIDGET_RULE, "resources": ["widgets/scale"]}
        )
        assert (await api.ok("PATCH", f"{WIDGETS}/w/scale", {"spec": {"replicas": 5}}, Content_Type=MERGE))["spec"]["replicas"] == 7
        assert (await api.ok("GET", f"{WIDGETS}/w"))["spec"]["size"] == 7
        operations = [(request["operation"], request.get("subResource", "")) for request in hooks.asked("/m")]
        assert operations == [("CREATE", ""), ("UPDATE", ""), ("UPDATE", "status")]
        assert hooks.asked("/scale")[0]["object"]["spec"] == {"replicas": 5}
