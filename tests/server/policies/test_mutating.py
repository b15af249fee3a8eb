"""MutatingAdmissionPolicy through the whole server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.server.harness import MERGE, Answer, config_map, pod, running
from tests.server.policies.support import CONFIG_MAPS, DEPLOYMENTS, about, deployment, mutating, validating


def applying(expression: str, **more: Any) -> dict[str, Any]:
    return {"mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}], **more}


def patching(expression: str, **more: Any) -> dict[str, Any]:
    return {"mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}], **more}


def refusal(answer: Answer) -> str:
    assert (answer.status, answer.body["reason"]) == (403, "Invalid"), answer.raw
    assert answer.body["details"]["causes"] == [{"message": answer.body["message"]}]
    return str(answer.body["message"])


async def test_a_configuration_is_applied(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.namespace("a")
        path = "/apis/apps/v1/namespaces/a/deployments"
        annotate = """
            Object{
                metadata: Object.metadata{
                    annotations: {
                        "mutated-by": "admission-policy"
                    }
                }
            }"""
        await mutating(api, "annotate", {"matchConstraints": DEPLOYMENTS, **applying(annotate)})
        await mutating(api, "scale", {"matchConstraints": DEPLOYMENTS, **applying("Object{spec: Object.spec{replicas: 1337}}")})
        made = await api.ok("POST", path, deployment("d", annotations={"mine": "1"}))
        assert made["metadata"]["annotations"] == {"mine": "1", "mutated-by": "admission-policy"}
        assert made["spec"]["replicas"] == 1337
        changed = await api.ok("PATCH", f"{path}/d", {"spec": {"replicas": 2}}, Content_Type=MERGE)
        assert changed["spec"]["replicas"] == 1337


async def test_items_of_lists_are_merged_by_their_keys(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("a")
        sidecar = """
            Object{
                spec: Object.spec{
                    initContainers: [
                        Object.spec.initContainers{
                            name: "mesh-proxy",
                            image: "mesh/proxy:v1.0.0",
                            args: ["proxy", "sidecar"],
                            restartPolicy: "Always"
                        }
                    ],
                    containers: object.spec.containers.map(c, Object.spec.containers{name: c.name, imagePullPolicy: "Always"})
                }
            }"""
        spec = {
            "matchConstraints": about("pods", group="", operations=("CREATE",)),
            "matchConditions": [
                {"name": "no-sidecar", "expression": "!object.spec.?initContainers.orValue([]).exists(c, c.name == 'mesh-proxy')"}
            ],
        }
        await mutating(api, "sidecar", spec | applying(sidecar.replace('args: ["proxy", "sidecar"],', "")))
        made = (await api.ok("POST", f"{base}/pods", pod("p")))["spec"]
        assert [(c["name"], c["image"], c["restartPolicy"]) for c in made["initContainers"]] == [
            ("mesh-proxy", "mesh/proxy:v1.0.0", "Always")
        ]
        assert [(c["name"], c["image"], c["imagePullPolicy"]) for c in made["containers"]] == [("main", "app:1", "Always")]


async def test_what_is_owned_as_a_whole_is_not_applied(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("a")
        whole = "Object{spec: Object.spec{nodeSelector: {'a': 'b'}, containers: [Object.spec.containers{name: 'main', args: ['x']}]}}"
        await mutating(api, "p", {"matchConstraints": about("pods", group="", operations=("CREATE",)), **applying(whole)})
        assert refusal(await api("POST", f"{base}/pods", pod("p"))) == (
            "policy 'p' with binding 'p' denied request: error applying patch: invalid ApplyConfiguration: "
            "may not mutate atomic arrays, maps or structs: .spec.nodeSelector, .spec.containers[0].args"
        )


async def test_a_json_patch(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("a")
        label = """
            [
                has(object.metadata.labels) ? JSONPatch{op: "test", path: "/metadata/labels/a", value: "1"}
                    : JSONPatch{op: "add", path: "/metadata/labels", value: {}},
                JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("example.com/b"), value: "2"},
                JSONPatch{op: "add", path: "/data", value: Object.data{c: string(1 + 2)}}
            ]"""
        misnamed = await api("POST", "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies", {"metadata": {"name": "x"}})
        assert misnamed.status == 422
        plain = label.replace("Object.data{c: string(1 + 2)}", '{"c": string(1 + 2)}')
        await mutating(api, "p", {"matchConstraints": CONFIG_MAPS, **patching(plain)})
        made = await api.ok("POST", f"{base}/configmaps", config_map("plain", x="y"))
        assert (made["metadata"]["labels"], made["data"]) == ({"example.com/b": "2"}, {"c": "3"})
        body = config_map("tested", x="y")
        body["metadata"]["labels"] = {"a": "0"}
        kept = await api.ok("POST", f"{base}/configmaps", body)
        assert (kept["metadata"]["labels"], kept["data"]) == ({"a": "0"}, {"x": "y"})


async def test_a_json_patch_must_keep_to_the_type(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("a")
        add = '[JSONPatch{op: "add", path: "/" + object.data.at, value: "x"}]'
        await mutating(api, "p", {"matchConstraints": CONFIG_MAPS, "failurePolicy": "Ignore", **patching(add)})
        unknown = await api("POST", f"{base}/configmaps", config_map("c", at="wrong"))
        assert (unknown.status, unknown.body["reason"], unknown.body["message"]) == (
            500,
            "InternalError",
            'Internal error occurred: strict decoding error: unknown field "wrong"',
        )
        unfit = await api("POST", f"{base}/configmaps", config_map("c", at="data"))
        assert (unfit.status, unfit.body["reason"]) == (500, "InternalError")
        await api.ok("POST", f"{base}/configmaps", config_map("c", at="metadata/generateName"))


async def test_objects_must_be_called_as_the_fields_they_are_in(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.namespace("a")
        wrong = "Object{spec: Object.spec{selector: Object.spec.wrong{matchLabels: {'a': 'b'}}}}"
        await mutating(api, "p", {"matchConstraints": DEPLOYMENTS, **applying(wrong)})
        assert refusal(await api("POST", "/apis/apps/v1/namespaces/a/deployments", deployment("d"))) == (
            "policy 'p' with binding 'p' denied request: type mismatch: "
            'unexpected type name "Object.spec.wrong", expected "Object.spec.selector", which matches field name path from root Object type'
        )


async def test_a_later_change_is_seen_by_a_policy_that_wants_to(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("a")
        count = """Object{metadata: Object.metadata{annotations: {
            "%s": string(size(object.metadata.?annotations.orValue({}))) + (has(object.data) ? "+" : "")}}}"""
        fill = "!has(object.data) ? [JSONPatch{op: 'add', path: '/data', value: {'late': 'yes'}}] : []"
        await mutating(api, "a-once", {"matchConstraints": CONFIG_MAPS, **applying(count % "once")})
        await mutating(api, "b-again", {"matchConstraints": CONFIG_MAPS, **applying(count % "again", reinvocationPolicy="IfNeeded")})
        await mutating(api, "c-fill", {"matchConstraints": CONFIG_MAPS, **patching(fill)})
        made = await api.ok("POST", f"{base}/configmaps", config_map("c") | {"data": None})
        assert made["metadata"]["annotations"] == {"once": "0", "again": "2+"}
        assert made["data"] == {"late": "yes"}


async def test_parameters_and_failures(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("a")
        spec = {
            "matchConstraints": about("configmaps", group="", operations=("CREATE",)),
            "paramKind": {"apiVersion": "v1", "kind": "Secret"},
            "variables": [{"name": "team", "expression": "params.metadata.labels.team"}],
            **applying("Object{metadata: Object.metadata{labels: {'team': variables.team}}}"),
        }
        await mutating(api, "p", spec, {"paramRef": {"name": "owner", "parameterNotFoundAction": "Deny"}})
        assert (await api("POST", f"{base}/configmaps", config_map("c"))).body["message"] == (
            "policy 'p' with binding 'p' denied request: failed to configure binding: "
            "no params found for policy binding with `Deny` parameterNotFoundAction"
        )
        await api.ok("POST", f"{base}/secrets", {"metadata": {"name": "owner"}})
        assert refusal(await api("POST", f"{base}/configmaps", config_map("c"))).endswith(
            'resulted in error: composited variable "team" fails to evaluate: no such key: labels'
        )
        await api.ok("PATCH", f"{base}/secrets/owner", {"metadata": {"labels": {"team": "blue"}}}, Content_Type=MERGE)
        made = await api.ok("POST", f"{base}/configmaps", config_map("c"))
        assert made["metadata"]["labels"] == {"team": "blue"}
        path = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies/p"
        await api.ok("PATCH", path, {"spec": {"failurePolicy": "Ignore"}}, Content_Type=MERGE)
        await api.ok("DELETE", f"{base}/secrets/owner")
        assert "labels" not in (await api.ok("POST", f"{base}/configmaps", config_map("d")))["metadata"]


async def test_what_mutation_made_is_validated(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.namespace("a")
        path = "/apis/apps/v1/namespaces/a/deployments"
        await mutating(
            api, "m", {"matchConstraints": DEPLOYMENTS, **applying("Object{spec: Object.spec{replicas: object.spec.replicas * 2}}")}
        )
        judge = {"matchConstraints": DEPLOYMENTS, "validations": [{"expression": "object.spec.replicas < 10"}]}
        await validating(api, "v", judge)
        assert (await api.ok("POST", path, deployment("four", 4)))["spec"]["replicas"] == 8
        assert (await api("POST", path, deployment("five", 5))).status == 422
        await mutating(api, "bad", {"matchConstraints": DEPLOYMENTS, **applying("Object{spec: Object.spec{replicas: -1}}")})
        answer = await api("POST", path, deployment("minus"))
        assert answer.status == 422
        assert "spec.replicas: Invalid value: -2: must be greater than or equal to 0" in answer.body["message"]
