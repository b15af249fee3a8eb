"""ValidatingAdmissionPolicy through the whole server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.server.harness import MERGE, Answer, Api, config_map, pod, running
from tests.server.policies.support import CONFIG_MAPS, DEPLOYMENTS, GROUP, about, deployment, validating


def refusal(answer: Answer, code: int = 422, reason: str = "Invalid") -> str:
    assert (answer.status, answer.body["reason"]) == (code, reason), answer.raw
    assert answer.body["details"]["causes"] == [{"message": answer.body["message"].partition(" is forbidden: ")[2]}]
    return str(answer.body["message"])


async def test_a_deployment_is_judged(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.namespace("a")
        path = "/apis/apps/v1/namespaces/a/deployments"
        spec = {
            "matchConstraints": DEPLOYMENTS,
            "validations": [
                {
                    "expression": "object.spec.replicas > 1",
                    "messageExpression": "'wants replicas > 1, got ' + string(object.spec.replicas)",
                },
                {"expression": "namespaceObject.metadata.name == 'a'", "message": "wrong namespace"},
            ],
        }
        await validating(api, "p", spec)
        said = "ValidatingAdmissionPolicy 'p' with binding 'p' denied request: wants replicas > 1, got 1"
        assert refusal(await api("POST", path, deployment("one"))) == f'deployments.apps "one" is forbidden: {said}'
        await api.ok("POST", path, deployment("two", 2))
        replica_set = deployment("one") | {"kind": "ReplicaSet"}
        await api.ok("POST", "/apis/apps/v1/namespaces/a/replicasets", replica_set)
        await api.ok("DELETE", f"{GROUP}/validatingadmissionpolicies/p")
        await api.ok("POST", path, deployment("one"))


async def test_an_update_a_deletion_and_a_subresource(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("a")
        rules = about("configmaps", "pods/binding", group="", operations=("UPDATE", "DELETE", "CREATE"))
        spec = {
            "matchConstraints": rules,
            "matchConditions": [{"name": "named", "expression": "request.name == 'kept' || request.resource.resource == 'pods'"}],
            "validations": [
                {"expression": "request.operation != 'UPDATE' || object.data == oldObject.data", "message": "data is final"},
                {"expression": "request.operation != 'DELETE' || (object == null && oldObject.data.a != '1')", "message": "stays"},
                {"expression": "request.?subResource.orValue('') == ''", "message": "no binding", "reason": "Forbidden"},
            ],
        }
        await validating(api, "p", spec)
        await api.ok("POST", f"{base}/configmaps", config_map("kept", a="1"))
        await api.ok("POST", f"{base}/configmaps", config_map("free", a="1"))
        await api.ok("PATCH", f"{base}/configmaps/kept", {"metadata": {"labels": {"a": "b"}}}, Content_Type=MERGE)
        assert refusal(await api("PATCH", f"{base}/configmaps/kept", {"data": {"a": "2"}}, Content_Type=MERGE)).endswith("data is final")
        await api.ok("PATCH", f"{base}/configmaps/free", {"data": {"a": "2"}}, Content_Type=MERGE)
        assert refusal(await api("DELETE", f"{base}/configmaps/kept")).endswith("stays")
        await api.ok("DELETE", f"{base}/configmaps/free")
        await api.ok("POST", f"{base}/pods", pod("p"))
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}}
        answer = await api("POST", f"{base}/pods/p/binding", binding)
        assert refusal(answer, 403, "Forbidden").endswith("denied request: no binding")


ODD = "variables.odd || variables.replicas > 10 && variables.never"


async def test_variables_are_evaluated_when_they_are_asked_for(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.namespace("a")
        path = "/apis/apps/v1/namespaces/a/deployments"
        spec = {
            "matchConstraints": DEPLOYMENTS,
            "variables": [
                {"name": "replicas", "expression": "object.spec.replicas"},
                {"name": "odd", "expression": "variables.replicas % 2 == 1"},
                {"name": "never", "expression": "object.spec.nothing.here"},
            ],
            "validations": [
                {"expression": "variables.replicas > 1"},
                {"expression": ODD},
            ],
        }
        await validating(api, "p", spec)
        await api.ok("POST", path, deployment("three", 3))
        assert refusal(await api("POST", path, deployment("one"))).endswith("failed expression: variables.replicas > 1")
        assert refusal(await api("POST", path, deployment("two", 2))).endswith(
            "failed expression: variables.odd || variables.replicas > 10 && variables.never"
        )
        wrong = refusal(await api("POST", path, deployment("twelve", 12)))
        assert wrong.endswith(
            f"expression '{ODD}' resulted in error: composited variable \"never\" fails to evaluate: no such key: nothing"
        )


async def test_parameters(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        for name in ("a", "limits"):
            await api.namespace(name)
        path = "/apis/apps/v1/namespaces/a/deployments"
        spec = {
            "matchConstraints": DEPLOYMENTS,
            "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
            "validations": [
                {
                    "expression": "object.spec.replicas <= int(params.data.most)",
                    "messageExpression": "'at most ' + params.data.most + ' by ' + params.metadata.name",
                }
            ],
        }
        named = {"paramRef": {"name": "limit", "namespace": "limits", "parameterNotFoundAction": "Deny"}}
        chosen = {"paramRef": {"selector": {"matchLabels": {"limit": "yes"}}, "parameterNotFoundAction": "Allow"}}
        await validating(api, "p", spec, named, chosen)
        missing = refusal(await api("POST", path, deployment("d")))
        assert missing.endswith(
            "'p' with binding 'p' denied request: failed to configure binding: "
            "no params found for policy binding with `Deny` parameterNotFoundAction"
        )
        await api.ok("POST", "/api/v1/namespaces/limits/configmaps", config_map("limit", most="5"))
        await api.ok("POST", path, deployment("d", 5))
        assert refusal(await api("POST", path, deployment("e", 6))).endswith("at most 5 by limit")
        for name, most in (("x", "4"), ("y", "2")):
            body = config_map(name, most=most)
            body["metadata"]["labels"] = {"limit": "yes"}
            await api.ok("POST", "/api/v1/namespaces/a/configmaps", body)
        assert refusal(await api("POST", path, deployment("e", 3))).endswith("'p' with binding 'p-1' denied request: at most 2 by y")
        await api.ok("POST", path, deployment("e", 2))


async def test_a_kind_of_parameter_that_is_not_there(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("a")
        spec = {
            "matchConstraints": CONFIG_MAPS,
            "paramKind": {"apiVersion": "rules.example.com/v1", "kind": "Limit"},
            "validations": [{"expression": "true"}],
        }
        await validating(api, "p", spec, {"paramRef": {"name": "x", "parameterNotFoundAction": "Allow"}})
        message = refusal(await api("POST", f"{base}/configmaps", config_map("c")))
        assert message.endswith(
            "ValidatingAdmissionPolicy 'p' denied request: failed to configure policy: "
            "failed to find resource referenced by paramKind: 'rules.example.com/v1, Kind=Limit'"
        )
        await api.ok("PATCH", f"{GROUP}/validatingadmissionpolicies/p", {"spec": {"failurePolicy": "Ignore"}}, Content_Type=MERGE)
        await api.ok("POST", f"{base}/configmaps", config_map("c"))


async def test_a_custom_resource_as_object_and_as_parameter(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("a")
        await _define(api, "Limit", {"most": {"type": "integer"}})
        spec = {
            "matchConstraints": about("limits", group="rules.example.com"),
            "validations": [{"expression": "object.spec.most < 100", "message": "too many"}],
        }
        await validating(api, "sane", spec)
        path = "/apis/rules.example.com/v1/namespaces/a/limits"
        limit = {"apiVersion": "rules.example.com/v1", "kind": "Limit", "metadata": {"name": "l"}, "spec": {"most": 1}}
        assert refusal(await api("POST", path, limit | {"spec": {"most": 100}})).endswith("too many")
        await api.ok("POST", path, limit)
        counted = {
            "matchConstraints": CONFIG_MAPS,
            "paramKind": {"apiVersion": "rules.example.com/v1", "kind": "Limit"},
            "validations": [{"expression": "!has(object.data) || size(object.data) <= params.spec.most", "message": "too much data"}],
        }
        await validating(api, "counted", counted, {"paramRef": {"name": "l", "parameterNotFoundAction": "Deny"}})
        await api.ok("POST", f"{base}/configmaps", config_map("one", a="1"))
        assert refusal(await api("POST", f"{base}/configmaps", config_map("two", a="1", b="2"))).endswith("too much data")


async def test_what_a_policy_is_about(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        for name, labels in (("open", {}), ("shut", {"guarded": "yes"})):
            await api.namespace(name)
            await api.ok("PATCH", f"/api/v1/namespaces/{name}", {"metadata": {"labels": labels}}, Content_Type=MERGE)
        constraints = {
            **CONFIG_MAPS,
            "namespaceSelector": {"matchLabels": {"guarded": "yes"}},
            "objectSelector": {"matchExpressions": [{"key": "free", "operator": "DoesNotExist"}]},
            "excludeResourceRules": about("configmaps", group="", resourceNames=["excluded"])["resourceRules"],
        }
        only = {"matchResources": about("configmaps", group="", operations=("*",), resourceNames=["c", "excluded", "free"])}
        await validating(api, "p", {"matchConstraints": constraints, "validations": [{"expression": "false"}]}, only)
        await api.ok("POST", "/api/v1/namespaces/open/configmaps", config_map("c"))
        shut = "/api/v1/namespaces/shut/configmaps"
        refusal(await api("POST", shut, config_map("c")))
        await api.ok("POST", shut, config_map("excluded"))
        await api.ok("POST", shut, config_map("other"))
        body = config_map("free")
        body["metadata"]["labels"] = {"free": "yes"}
        await api.ok("POST", shut, body)


async def test_an_equivalent_version_is_shown(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.namespace("a")
        constraints = about("horizontalpodautoscalers", group="autoscaling")
        validations = [
            {
                "expression": "object.apiVersion == 'autoscaling/v1' && object.spec.targetCPUUtilizationPercentage < 90"
                " && request.requestResource.version == 'v2' && request.resource.version == 'v1'",
                "message": "too late",
            }
        ]
        await validating(api, "p", {"matchConstraints": constraints, "validations": validations})

        def scaler(name: str, percent: int) -> dict[str, Any]:
            metric = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent}}}
            target = {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"}
            return {"metadata": {"name": name}, "spec": {"scaleTargetRef": target, "maxReplicas": 3, "metrics": [metric]}}

        path = "/apis/autoscaling/v2/namespaces/a/horizontalpodautoscalers"
        await api.ok("POST", path, scaler("x", 50))
        assert refusal(await api("POST", path, scaler("y", 95))).endswith("too late")


async def test_what_is_done_about_a_failure(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("a")
        spec = {
            "matchConstraints": CONFIG_MAPS,
            "validations": [{"expression": "object.metadata.name != 'c'", "message": "no c"}],
            "auditAnnotations": [{"key": "name", "valueExpression": "'named ' + object.metadata.name"}],
        }
        await validating(api, "p", spec, {"validationActions": ["Warn", "Audit"]})
        answer = await api("POST", f"{base}/configmaps", config_map("c"))
        assert answer.status == 201
        assert answer.header("warning") == "299 - \"Validation failed for ValidatingAdmissionPolicy 'p' with binding 'p': no c\""


@pytest.mark.parametrize(("policy", "code"), [("Fail", 422), ("Ignore", 201)])
async def test_an_expression_that_fails(tmp_path: Path, policy: str, code: int) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("a")
        spec = {"matchConstraints": CONFIG_MAPS, "failurePolicy": policy, "validations": [{"expression": "object.data.missing == 'x'"}]}
        await validating(api, "p", spec)
        answer = await api("POST", f"{base}/configmaps", config_map("c"))
        assert answer.status == code
        if code != 201:
            assert refusal(answer).endswith("expression 'object.data.missing == 'x'' resulted in error: no such key: data")


async def test_too_expensive(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("a")
        expensive = "object.data.all(k, object.data.all(l, object.data.all(m, k != 'z' || l != m)))"
        await validating(api, "p", {"matchConstraints": CONFIG_MAPS, "validations": [{"expression": expensive}]})
        body = config_map("c", **{f"k{i}": "v" for i in range(100)})
        message = refusal(await api("POST", f"{base}/configmaps", body))
        assert message.endswith(f"expression '{expensive}' resulted in error: operation cancelled: actual cost limit exceeded")


async def test_the_authorizer_and_the_user(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("a")
        rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "get"]}]
        role = {"metadata": {"name": "writer"}, "rules": rules}
        await api.ok("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/a/roles", role)
        subject = {"kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io"}
        reference = {"kind": "Role", "name": "writer", "apiGroup": "rbac.authorization.k8s.io"}
        binding = {"metadata": {"name": "writer"}, "roleRef": reference, "subjects": [subject]}
        await api.ok("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/a/rolebindings", binding)
        checks = [
            "authorizer.requestResource.check('create').allowed()",
            "authorizer.group('').resource('secrets').namespace('a').check('get').allowed() == (request.userInfo.username == 'admin')",
            "!authorizer.serviceAccount('a', 'default').group('').resource('secrets').namespace('a').check('get').allowed()",
            "object.metadata.name != 'x' || 'system:masters' in request.userInfo.groups",
        ]
        spec = {"matchConstraints": CONFIG_MAPS, "validations": [{"expression": check} for check in checks]}
        await validating(api, "p", spec)
        await api.ok("POST", f"{base}/configmaps", config_map("x"))
        assert (await api("POST", f"{base}/configmaps", config_map("y"), user="jane")).status == 201
        answer = await api("POST", f"{base}/configmaps", config_map("x"), user="jane")
        assert refusal(answer).endswith(f"failed expression: {checks[3]}")


async def test_policies_do_not_judge_policies(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        everything = {"resourceRules": [{"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]}]}
        await validating(api, "p", {"matchConstraints": everything, "validations": [{"expression": "false", "message": "nothing"}]})
        review = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}
        await api.ok("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
        refusal(await api("POST", "/api/v1/namespaces", {"metadata": {"name": "a"}}))
        await api.ok("DELETE", f"{GROUP}/validatingadmissionpolicybindings/p")
        await api.namespace("a")


async def test_what_does_not_compile_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        body = {"metadata": {"name": "p"}, "spec": {"matchConstraints": CONFIG_MAPS, "validations": [{"expression": "object.x +"}]}}
        answer = await api("POST", f"{GROUP}/validatingadmissionpolicies", body)
        assert answer.status == 422
        assert answer.body["message"].startswith(
            'ValidatingAdmissionPolicy.admissionregistration.k8s.io "p" is invalid: spec.validations[0].expression: '
            'Invalid value: "object.x +": compilation failed: ERROR: <input>:1:11: Syntax error: mismatched input'
        )


def test_a_server_without_policies_does_not_load_cel() -> None:
    code = "import sys, sagong.server.app, sagong.server.registry.write; sys.exit(any('cel' in name.split('.') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def _define(api: Api, kind: str, properties: dict[str, Any]) -> None:
    plural = f"{kind.lower()}s"
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    spec = {"group": "rules.example.com", "scope": "Namespaced", "names": {"plural": plural, "kind": kind}, "versions": [version]}
    body = {"metadata": {"name": f"{plural}.rules.example.com"}, "spec": spec}
    await api.ok("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body)
    watch = await api.watch("/apis/apiextensions.k8s.io/v1/customresourcedefinitions?watch=1")
    while True:
        event = await watch.event()
        assert event is not None
        conditions = {found["type"]: found["status"] for found in event["object"]["status"].get("conditions", ())}
        if conditions.get("Established") == "True":
            return
