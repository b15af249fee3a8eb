"""What mutations make of a Deployment."""

from __future__ import annotations

from typing import Any

import pytest

from sagong.api.policies.evaluation import Activation
from sagong.api.policies.merging import changed
from sagong.api.policies.mutating import MutatingProgram, MutationError
from sagong.api.schema import shape_of
from sagong.api.types.admissionregistration import (
    ApplyConfiguration,
    JSONPatch,
    MutatingAdmissionPolicy,
    MutatingAdmissionPolicySpec,
    Mutation,
    ParamKind,
    Variable,
)
from sagong.api.types.apps import Deployment

HEAD = {"apiVersion": "apps/v1", "kind": "Deployment"}
PATHS = "which matches field name path from root Object type"
REQUEST = {
    "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
    "requestResource": {"group": "apps", "resource": "deployments"},
}


def mutate(spec: MutatingAdmissionPolicySpec, obj: dict[str, Any], **given: Any) -> dict[str, Any]:
    """Carry out a policy's mutations."""
    program = MutatingProgram(MutatingAdmissionPolicy(spec=spec))
    obj = HEAD | obj
    for index in range(len(program.mutations)):
        activation = Activation(obj, given.get("old"), REQUEST, given.get("namespace"), given.get("params"), variables=program.variables)
        obj = changed(obj, program.change(index, activation), shape_of(Deployment))
    return {name: value for name, value in obj.items() if name not in HEAD}


def patch(expression: str, *variables: Variable) -> MutatingAdmissionPolicySpec:
    mutation = Mutation(patchType="JSONPatch", jsonPatch=JSONPatch(expression=expression))
    return MutatingAdmissionPolicySpec(mutations=[mutation], variables=list(variables))


def apply(expression: str, *variables: Variable, params: bool = False) -> MutatingAdmissionPolicySpec:
    mutation = Mutation(patchType="ApplyConfiguration", applyConfiguration=ApplyConfiguration(expression=expression))
    kind = ParamKind(apiVersion="v1", kind="ConfigMap") if params else None
    return MutatingAdmissionPolicySpec(mutations=[mutation], variables=list(variables), paramKind=kind)


def replicas(count: int) -> dict[str, Any]:
    return {"spec": {"replicas": count}}


def labels(**found: str) -> dict[str, Any]:
    return {"metadata": {"labels": found}}


def pods(**spec: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": spec}}}


def template(fields: str) -> str:
    return f"Object{{spec: Object.spec{{template: Object.spec.template{{spec: Object.spec.template.spec{{{fields}}}}}}}}}"


@pytest.mark.parametrize(
    ("expression", "before", "after"),
    [
        ('[JSONPatch{op: "test", path: "/spec/replicas", value: 100}, JSONPatch{op: "replace", path: "/spec/replicas", value: 3}]', 1, 1),
        ('[JSONPatch{op: "test", path: "/spec/replicas", value: 1}, JSONPatch{op: "replace", path: "/spec/replicas", value: 3},]', 1, 3),
        ('[JSONPatch{op: "remove", path: "/metadata/labels/y"}]', labels(x="1", y="1"), labels(x="1")),
        ('[JSONPatch{op: "copy", from: "/metadata/labels/x", path: "/metadata/labels/y"}]', labels(x="1"), labels(x="1", y="1")),
        ('[JSONPatch{op: "move", from: "/metadata/labels/x", path: "/metadata/labels/y"}]', labels(x="1"), labels(y="1")),
        ('[JSONPatch{op: "add", path: "/metadata/labels", value: {"y": "2"}}]', labels(x="1"), labels(y="2")),
        (
            ('[JSONPatch{op: "add", path: "/spec/template/spec/containers/-", value: Object.spec.template.spec.containers{name: "x",'
            " ports: [Object.spec.template.spec.containers.ports{containerPort: 8080}]}}]"),
            pods(containers=[{"name": "a"}]),
            pods(containers=[{"name": "a"}, {"name": "x", "ports": [{"containerPort": 8080}]}]),
        ),
        (
            ('[JSONPatch{op: "add", path: "/metadata/labels", value: {'
            '"op": JSONPatch{op: "o"}.op, "value": string(JSONPatch{value: "v"}.value), "has": string(has(JSONPatch{}.op)),'
            '"field": string(Object{field: "f"}.field), "same": string(Object{f: 1} == Object{f: 1}),'
            '"other": string(Object{f: 1} == Object{f: 2})}}]'),
            labels(),
            labels(op="o", value="v", has="false", field="f", same="true", other="false"),
        ),
        ('[JSONPatch{op: "add", path: "/spec", value: Object.invalid{replicas: 1}}]', labels(), labels() | replicas(1)),
        (
            '[JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("k8s.io/x~y"), value: "true"}]',
            labels(),
            labels(**{"k8s.io/x~y": "true"}),
        ),
        (
            ('[JSONPatch{op: "replace", path: "/spec/replicas", value: request.kind.kind == "Deployment" &&'
            ' namespaceObject.metadata.name == "ns" ? 10 : 0}]'),
            1,
            10,
        ),
    ],
)  # fmt: skip
def test_json_patches(expression: str, before: Any, after: Any) -> None:
    obj, wanted = (replicas(found) if isinstance(found, int) else found for found in (before, after))
    assert mutate(patch(expression), obj, namespace={"metadata": {"name": "ns"}}) == wanted


@pytest.mark.parametrize(
    ("expression", "before", "after"),
    [
        ("Object{spec: Object.spec{replicas: object.spec.replicas % 2 == 0 ? object.spec.replicas + 1 : 0}}", replicas(2), replicas(3)),
        ("Object{spec: Object.spec{replicas: oldObject.spec.replicas}}", replicas(2), replicas(7)),
        ("Object{spec: Object.spec{replicas: int(params.data['k'])}}", replicas(2), replicas(100)),
        ("Object{spec: Object.spec{replicas: variables.desired + 1}}", replicas(2), replicas(11)),
        (
            template('volumes: [Object.spec.template.spec.volumes{name: "y"}]'),
            pods(volumes=[{"name": "x"}]),
            pods(volumes=[{"name": "x"}, {"name": "y"}]),
        ),
        (
            template(
                'volumes: [Object.spec.template.spec.volumes{name: "y", hostPath: Object.spec.template.spec.volumes.hostPath{path: "a"}}]'
            ),
            pods(volumes=[{"name": "x"}, {"name": "y"}]),
            pods(volumes=[{"name": "x"}, {"name": "y", "hostPath": {"path": "a"}}]),
        ),
        (
            template(
                'containers: [Object.spec.template.spec.containers{name: "n", env: ['
                'Object.spec.template.spec.containers.env{name: "t", value: "c"}]}]'
            ),
            pods(containers=[{"name": "n", "env": [{"name": name, "value": value} for name, value in ("ta", "tb", "fx")]}]),
            pods(containers=[{"name": "n", "env": [{"name": "t", "value": "c"}, {"name": "f", "value": "x"}]}]),
        ),
        (
            template('containers: [Object.spec.template.spec.containers{name: "n", ?image: object.?spec.nothing}]'),
            pods(containers=[{"name": "n", "image": "i"}]),
            pods(containers=[{"name": "n", "image": "i"}]),
        ),
    ],
)  # fmt: skip
def test_configurations(expression: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    spec = apply(expression, Variable(name="desired", expression="10"), params=True)
    assert mutate(spec, before, old=replicas(7), params={"data": {"k": "100"}}) == after


def test_mutations_follow_one_another() -> None:
    first = apply("Object{spec: Object.spec{replicas: object.spec.replicas + 100}}")
    second = patch('[JSONPatch{op: "replace", path: "/spec/replicas", value: object.spec.replicas + 10}]')
    spec = MutatingAdmissionPolicySpec(mutations=[*first.mutations, *second.mutations])
    assert mutate(spec, replicas(1)) == replicas(111)


NESTED = "a != 99 || b + c > 0"
for name in "edcba":
    NESTED = f"variables.list.all({name}, {NESTED})"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            apply('Object{spec: Object.spec{selector: Object.spec.selector{matchLabels: {"l": "v"}}}}'),
            "error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.selector",
        ),
        (
            apply("Object{spec: Object.specx{replicas: 1}}"),
            'type mismatch: unexpected type name "Object.specx", expected "Object.spec", ' + PATHS,
        ),
        (
            apply("Object{spec: Object.spec{replicasx: 1}}"),
            "error applying patch: failed to convert patch object to typed object: .spec.replicasx: field not declared in schema",
        ),
        (apply('"I am a teapot!"'), "must evaluate to Object but got string"),
        (apply("Object.spec.metadata{}"), "must evaluate to Object but got Object.spec.metadata"),
        (
            patch('[JSONPatch{op: "replace", path: "/spec/template/spec/containers/-", value: {"name": "x"}}]'),
            "JSON Patch: replace operation does not apply: doc is missing key: /spec/template/spec/containers/-: missing value",
        ),
        (
            patch('[JSONPatch{op: "add", path: "/spec/a", value: Object.a{b: [Object.a.wrong{}]}}]'),
            'type mismatch: unexpected type name "Object.a.wrong", expected "Object.a.b", ' + PATHS,
        ),
        (
            patch(f'[JSONPatch{{op: "add", path: "/a", value: {NESTED}}}]', Variable(name="list", expression="lists.range(20)")),
            "operation cancelled: actual cost limit exceeded",
        ),
    ],
)  # fmt: skip
def test_what_goes_wrong(spec: MutatingAdmissionPolicySpec, message: str) -> None:
    with pytest.raises(MutationError) as raised:
        mutate(spec, replicas(1) | pods(containers=[{"name": "a"}]))
    assert str(raised.value).endswith(message)
