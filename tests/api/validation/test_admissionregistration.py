from __future__ import annotations

from typing import Any

import pytest
from tests.api.validation.support import CLUSTER_META, problems

from sagong.api.types import admissionregistration

RULE: dict[str, Any] = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
HOOKS: dict[str, Any] = {
    "metadata": CLUSTER_META,
    "webhooks": [
        {
            "name": "a.b.c",
            "clientConfig": {"url": "https://example.com/x"},
            "rules": [RULE],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
    ],
}


def hook(**fields: Any) -> dict[str, Any]:
    return {"webhooks": {0: fields}}


def matched(**fields: Any) -> dict[str, Any]:
    return hook(rules=[{**RULE, **fields}])


def service(**fields: Any) -> dict[str, Any]:
    return hook(clientConfig={"url": None, "service": {"namespace": "n", "name": "s", **fields}})


def url(text: str) -> dict[str, Any]:
    return hook(clientConfig={"url": text})


POLICY: dict[str, Any] = {
    "metadata": CLUSTER_META,
    "spec": {"matchConstraints": {"resourceRules": [RULE]}, "validations": [{"expression": "true"}]},
}


def validated(**fields: Any) -> dict[str, Any]:
    return {"spec": {"validations": {0: fields}}}


MUTATION: dict[str, Any] = {
    "metadata": CLUSTER_META,
    "spec": {
        "reinvocationPolicy": "Never",
        "matchConstraints": {"resourceRules": [RULE]},
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": "[JSONPatch{op: 'remove', path: '/a'}]"}}],
    },
}


def mutated(**fields: Any) -> dict[str, Any]:
    return {"spec": {"mutations": [fields]}}


BOUND: dict[str, Any] = {"metadata": CLUSTER_META, "spec": {"policyName": "p", "validationActions": ["Deny"]}}
MUTATION_BOUND: dict[str, Any] = {"metadata": CLUSTER_META, "spec": {"policyName": "p"}}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (hook(name=""), ["webhooks[0].name: Required value"]),
        (hook(name="a.b"), ['webhooks[0].name: Invalid value: "a.b": should be a domain with at least three segments separated by dots']),
        (hook(name="A.b.c"), ['webhooks[0].name: Invalid value: "A.b.c": <subdomain>']),
        ({"webhooks": {1: {**HOOKS["webhooks"][0]}}}, ['webhooks[1].name: Duplicate value: "a.b.c"']),
        (matched(operations=[]), ["webhooks[0].rules[0].operations: Required value"]),
        (
            matched(operations=["*", "CREATE", "X"]),
            [
                (
                    'webhooks[0].rules[0].operations: Invalid value: ["*","CREATE","X"]: if \'*\' is present, must not specify other '
                    "operations"
                ),
                (
                    'webhooks[0].rules[0].operations[2]: Unsupported value: "X": supported values: "*", "CONNECT", "CREATE", "DELETE", '
                    '"UPDATE"'
                ),
            ],
        ),
        (
            matched(apiGroups=["*", "a"], apiVersions=[""]),
            [
                'webhooks[0].rules[0].apiGroups: Invalid value: ["*","a"]: if \'*\' is present, must not specify other API groups',
                "webhooks[0].rules[0].apiVersions[0]: Required value",
            ],
        ),
        (matched(resources=[]), ["webhooks[0].rules[0].resources: Required value"]),
        (
            matched(resources=["*", "pods", ""]),
            [
                "webhooks[0].rules[0].resources[2]: Required value",
                (
                    'webhooks[0].rules[0].resources: Invalid value: ["*","pods",""]: if \'*\' is present, must not specify other resources '
                    "without subresources"
                ),
            ],
        ),
        (
            matched(resources=["a/*", "a/b", "*/b", "c/b", "*/*"]),
            [
                "webhooks[0].rules[0].resources[1]: Invalid value: \"a/b\": if 'a/*' is present, must not specify a/b",
                "webhooks[0].rules[0].resources[3]: Invalid value: \"c/b\": if '*/b' is present, must not specify c/b",
                (
                    'webhooks[0].rules[0].resources: Invalid value: ["a/*","a/b","*/b","c/b","*/*"]: if \'*/*\' is present, must not '
                    "specify other resources"
                ),
            ],
        ),
        (matched(scope="X"), ['webhooks[0].rules[0].scope: Unsupported value: "X": supported values: "*", "Cluster", "Namespaced"']),
        (
            hook(failurePolicy="X", matchPolicy="X", sideEffects="Some", timeoutSeconds=31),
            [
                'webhooks[0].failurePolicy: Unsupported value: "X": supported values: "Fail", "Ignore"',
                'webhooks[0].matchPolicy: Unsupported value: "X": supported values: "Equivalent", "Exact"',
                'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
                "webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds",
            ],
        ),
        (hook(sideEffects=None), ["webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun"]),
        (
            hook(namespaceSelector={"matchLabels": {"a b": "c"}}, objectSelector={"matchExpressions": [{"key": "a", "operator": "X"}]}),
            [
                'webhooks[0].namespaceSelector.matchLabels: Invalid value: "a b": name part <key>',
                'webhooks[0].objectSelector.matchExpressions[0].operator: Invalid value: "X": not a valid selector operator',
            ],
        ),
        (hook(clientConfig={"url": None}), ["webhooks[0].clientConfig: Required value: exactly one of url or service is required"]),
        (
            url("http://u@example.com/?a#b"),
            [
                (
                    "webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: "
                    "https://host[/path]"
                ),
                'webhooks[0].clientConfig.url: Invalid value: "u": user information is not permitted in the URL',
                'webhooks[0].clientConfig.url: Invalid value: "b": fragments are not permitted in the URL',
                'webhooks[0].clientConfig.url: Invalid value: "a": query parameters are not permitted in the URL',
            ],
        ),
        (url("https:"), ['webhooks[0].clientConfig.url: Invalid value: "": host must be specified; desired format: https://host[/path]']),
        (
            url("https://[x/"),
            [
                (
                    "webhooks[0].clientConfig.url: Required value: url must be a valid URL: parse \"https://[x/\": missing ']' in host; "
                    "desired format: https://host[/path]"
                )
            ],
        ),
        (service(), []),
        (service(name=""), ["webhooks[0].clientConfig.service.namespace: Required value"]),
        (
            service(namespace="", port=0),
            [
                "webhooks[0].clientConfig.service.name: Required value",
                "webhooks[0].clientConfig.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive",
            ],
        ),
        (
            service(path="x"),
            [
                "webhooks[0].clientConfig.service.path: Invalid value: \"x\": must start with a '/'",
                'webhooks[0].clientConfig.service.path: Invalid value: "x": segment[0] may not be empty',
            ],
        ),
        (service(path="//"), ['webhooks[0].clientConfig.service.path: Invalid value: "//": segment[0] may not be empty']),
        (
            service(path="/a//B/"),
            [
                'webhooks[0].clientConfig.service.path: Invalid value: "/a//B/": segment[1] may not be empty',
                'webhooks[0].clientConfig.service.path: Invalid value: "/a//B/": segment[2]: <subdomain>',
            ],
        ),
        (hook(admissionReviewVersions=[]), ["webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1"]),
        (
            hook(admissionReviewVersions=["v2", "v2", "V"]),
            [
                'webhooks[0].admissionReviewVersions[1]: Invalid value: "v2": duplicate version',
                'webhooks[0].admissionReviewVersions[2]: Invalid value: "V": <DNS-1035 label>',
                'webhooks[0].admissionReviewVersions: Invalid value: ["v2","v2","V"]: must include at least one of v1, v1beta1',
            ],
        ),
        (
            hook(
                matchConditions=[
                    {"name": "", "expression": " "},
                    {"name": "a b", "expression": "true"},
                    {"name": "a", "expression": "true"},
                    {"name": "a", "expression": "true"},
                ]
            ),
            [
                "webhooks[0].matchConditions[0].expression: Required value",
                "webhooks[0].matchConditions[0].name: Required value",
                'webhooks[0].matchConditions[1].name: Invalid value: "a b": name part <key>',
                'webhooks[0].matchConditions[3].name: Duplicate value: "a"',
            ],
        ),
        (
            hook(matchConditions=[{"name": "a", "expression": "request.nope == 1"}]),
            [
                (
                    'webhooks[0].matchConditions[0].expression: Invalid value: "request.nope == 1": compilation failed: '
                    "ERROR: <input>:1:8: undefined field 'nope'\n | request.nope == 1\n | .......^"
                )
            ],
        ),
        (
            hook(matchConditions=[{"name": f"a{i}", "expression": "true"} for i in range(65)]),
            ["webhooks[0].matchConditions: Too many: 65: must have at most 64 items"],
        ),
    ],
)
def test_validating_webhooks(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(admissionregistration.ValidatingWebhookConfiguration, HOOKS, change) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (hook(reinvocationPolicy="X"), ['webhooks[0].reinvocationPolicy: Unsupported value: "X": supported values: "IfNeeded", "Never"']),
    ],
)
def test_mutating_webhooks(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(admissionregistration.MutatingWebhookConfiguration, HOOKS, change) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            {"spec": {"failurePolicy": "X", "paramKind": {}}},
            [
                'spec.failurePolicy: Unsupported value: "X": supported values: "Fail", "Ignore"',
                "spec.paramKind.apiVersion: Required value",
                "spec.paramKind.kind: Required value",
            ],
        ),
        (
            {"spec": {"paramKind": {"apiVersion": "a/b/c", "kind": "A b"}}},
            [
                'spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
                'spec.paramKind.kind: Invalid value: "A b": may have mixed case, but should otherwise match: <DNS-1035 label>',
            ],
        ),
        (
            {"spec": {"paramKind": {"apiVersion": "A/", "kind": "K"}}},
            [
                'spec.paramKind.apiVersion: Invalid value: "A": <subdomain>',
                'spec.paramKind.apiVersion: Invalid value: "A/": version must be specified',
            ],
        ),
        (
            {"spec": {"paramKind": {"apiVersion": "a.b/V", "kind": "K"}}},
            ['spec.paramKind.apiVersion: Invalid value: "V": <DNS-1035 label>'],
        ),
        ({"spec": {"matchConstraints": None}}, ["spec.matchConstraints: Required value"]),
        (
            {
                "spec": {
                    "matchConstraints": {
                        "resourceRules": [],
                        "matchPolicy": "X",
                        "excludeResourceRules": [{**RULE, "resourceNames": ["a", "a", "b/c"]}],
                    }
                }
            },
            [
                'spec.matchConstraints.matchPolicy: Unsupported value: "X": supported values: "Equivalent", "Exact"',
                'spec.matchConstraints.excludeResourceRules[0].resourceNames[1]: Duplicate value: "a"',
                "spec.matchConstraints.excludeResourceRules[0].resourceNames[2]: Invalid value: \"b/c\": may not contain '/'",
                "spec.matchConstraints.resourceRules: Required value",
            ],
        ),
        (
            {"spec": {"variables": [{"name": "", "expression": ""}, {"name": "in", "expression": "1"}]}},
            [
                "spec.variables[0].name: Required value: name is not specified",
                "spec.variables[0].expression: Required value: expression is not specified",
                'spec.variables[1].name: Invalid value: "in": must be a valid CEL identifier',
            ],
        ),
        (
            {"spec": {"validations": []}},
            [
                "spec.validations: Required value: validations or auditAnnotations must contain at least one item",
                "spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item",
            ],
        ),
        (
            validated(expression=" ", message=" ", messageExpression=" ", reason="X"),
            [
                "spec.validations[0].expression: Required value: expression is not specified",
                'spec.validations[0].messageExpression: Invalid value: " ": must be non-empty if specified',
                'spec.validations[0].message: Invalid value: " ": must be non-empty if specified',
                'spec.validations[0].reason: Unsupported value: "X": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"',
            ],
        ),
        (validated(message="a\nb"), ['spec.validations[0].message: Invalid value: "a\\nb": must not contain line breaks']),
        (
            {
                "spec": {
                    "auditAnnotations": [
                        {"key": "a b", "valueExpression": ""},
                        {"key": "c", "valueExpression": "'x'"},
                        {"key": "c", "valueExpression": "x" * 5121},
                    ]
                }
            },
            [
                'spec.auditAnnotations[0].key: Invalid value: "x/a b": name part <key>',
                "spec.auditAnnotations[0].valueExpression: Required value: valueExpression is not specified",
                "spec.auditAnnotations[2].valueExpression: Required value: must not exceed 5120 bytes in length",
                'spec.auditAnnotations[2].key: Duplicate value: "c"',
            ],
        ),
        (
            validated(expression="object.x", messageExpression="authorizer.path('/').check('get').reason()"),
            [
                'spec.validations[0].expression: Invalid value: "object.x": must evaluate to bool but got dyn',
                (
                    "spec.validations[0].messageExpression: Invalid value: \"authorizer.path('/').check('get').reason()\": "
                    "compilation failed: "
                    "ERROR: <input>:1:1: undeclared reference to 'authorizer' (in container '')\n"
                    " | authorizer.path('/').check('get').reason()\n | ^"
                ),
            ],
        ),
        (
            {
                "spec": {
                    "variables": [{"name": "a", "expression": "variables.b"}, {"name": "b", "expression": "1"}],
                    "validations": [{"expression": "variables.b == 1 && variables.a == 1 && !has(params.x)"}],
                    "auditAnnotations": [{"key": "k", "valueExpression": "variables.b"}],
                    "matchConditions": [{"name": "m", "expression": "variables.b == 1"}],
                }
            },
            [
                (
                    'spec.matchConditions[0].expression: Invalid value: "variables.b == 1": compilation failed: ERROR: <input>:1:1: '
                    "undeclared reference to 'variables' (in container '')\n | variables.b == 1\n | ^"
                ),
                (
                    'spec.variables[0].expression: Invalid value: "variables.b": compilation failed: ERROR: <input>:1:10: '
                    "undefined field 'b'\n | variables.b\n | .........^"
                ),
                (
                    'spec.validations[0].expression: Invalid value: "variables.b == 1 && variables.a == 1 && !has(params.x)": '
                    "compilation failed: ERROR: <input>:1:46: undeclared reference to 'params' (in container '')\n"
                    " | variables.b == 1 && variables.a == 1 && !has(params.x)\n | .............................................^"
                ),
                (
                    'spec.auditAnnotations[0].valueExpression: Invalid value: "variables.b": must evaluate to one of [string null_type] '
                    "but got int"
                ),
            ],
        ),
        (
            {
                "spec": {
                    "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
                    "validations": [{"expression": "params.data.a == request.name", "messageExpression": "params.data.a"}],
                }
            },
            ['spec.validations[0].messageExpression: Invalid value: "params.data.a": must evaluate to string but got dyn'],
        ),
    ],
)
def test_validating_policies(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(admissionregistration.ValidatingAdmissionPolicy, POLICY, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "status",
            {
                "status": {
                    "typeChecking": {"expressionWarnings": [{"fieldRef": "", "warning": ""}]},
                    "conditions": [{"type": "A", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z", "reason": "a b"}],
                }
            },
            [
                "status.typeChecking.expressionWarnings[0].warning: Required value",
                "status.typeChecking.expressionWarnings[0].fieldRef: Required value",
                (
                    'status.conditions[0].reason: Invalid value: "a b": a condition reason must start with alphabetic character, '
                    "optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character "
                    "or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for "
                    "validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')"
                ),
            ],
        )
    ],
)
def test_changes_of_validating_policies(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(admissionregistration.ValidatingAdmissionPolicy, POLICY, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"spec": {"reinvocationPolicy": ""}}, ["spec.reinvocationPolicy: Required value"]),
        ({"spec": {"mutations": []}}, ["spec.mutations: Required value: mutations must contain at least one item"]),
        (
            {"spec": {"matchConstraints": {"resourceRules": [{**RULE, "operations": ["DELETE"]}]}}},
            [
                (
                    'spec.matchConstraints.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", '
                    '"CREATE", "UPDATE"'
                )
            ],
        ),
        (mutated(patchType=""), ["spec.mutations[0].patchType: Required value"]),
        (
            mutated(patchType="X"),
            ['spec.mutations[0].patchType: Unsupported value: "X": supported values: "ApplyConfiguration", "JSONPatch"'],
        ),
        (mutated(patchType="JSONPatch"), ["spec.mutations[0].jsonPatch: Required value: must be specified when patchType is JSONPatch"]),
        (
            mutated(patchType="JSONPatch", jsonPatch={"expression": " "}, applyConfiguration={"expression": "x"}),
            [
                "spec.mutations[0].jsonPatch.expression: Required value",
                (
                    'spec.mutations[0].applyConfiguration: Invalid value: "{applyConfiguration}": must not be specified when patchType is '
                    "JSONPatch"
                ),
            ],
        ),
        (
            mutated(patchType="ApplyConfiguration", jsonPatch={"expression": "x"}),
            [
                "spec.mutations[0].applyConfiguration: Required value: must be specified when patchType is ApplyConfiguration",
                'spec.mutations[0].jsonPatch: Invalid value: "{jsonPatch}": must not be specified when patchType is ApplyConfiguration',
            ],
        ),
        (
            mutated(patchType="ApplyConfiguration", jsonPatch=None, applyConfiguration={"expression": "Object{spec: {'a': 1}}"}),
            [],
        ),
        (
            mutated(patchType="ApplyConfiguration", jsonPatch=None, applyConfiguration={"expression": " {'spec': 1} "}),
            [
                (
                    "spec.mutations[0].applyConfiguration.expression: Invalid value: \"{'spec': 1}\": "
                    "must evaluate to Object but got map(string, int)"
                )
            ],
        ),
        (
            mutated(patchType="JSONPatch", jsonPatch={"expression": "[JSONPatch{op: 1, path: '/'}]"}),
            [
                (
                    "spec.mutations[0].jsonPatch.expression: Invalid value: \"[JSONPatch{op: 1, path: '/'}]\": compilation failed: "
                    "ERROR: <input>:1:14: expected type of field 'op' is 'string' but provided type is 'int'\n"
                    " | [JSONPatch{op: 1, path: '/'}]\n | .............^"
                )
            ],
        ),
    ],
)
def test_mutating_policies(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(admissionregistration.MutatingAdmissionPolicy, MUTATION, change) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"spec": {"policyName": ""}}, ["spec.policyName: Required value"]),
        (
            {"spec": {"policyName": "A", "validationActions": []}},
            [
                'spec.policyName: Invalid value: "A": <subdomain>',
                "spec.validationActions: Required value: at least one validation action is required",
            ],
        ),
        (
            {"spec": {"validationActions": ["Deny", "Warn", "Deny", "X"]}},
            [
                'spec.validationActions[2]: Duplicate value: "Deny"',
                'spec.validationActions[3]: Unsupported value: "X": supported values: "Audit", "Deny", "Warn"',
                (
                    'spec.validationActions: Invalid value: ["Deny","Warn","Deny","X"]: must not contain both Deny and Warn (repeating the '
                    "same validation failure information in the API response and headers serves no purpose)"
                ),
            ],
        ),
        (
            {"spec": {"paramRef": {}}},
            [
                "spec.paramRef: Required value: one of name or selector must be specified",
                "spec.paramRef.parameterNotFoundAction: Required value",
            ],
        ),
        (
            {"spec": {"paramRef": {"name": "a/b", "selector": {}, "parameterNotFoundAction": "X"}}},
            [
                "spec.paramRef.name: Invalid value: \"a/b\": may not contain '/'",
                "spec.paramRef.name: Forbidden: name and selector are mutually exclusive",
                "spec.paramRef.selector: Forbidden: name and selector are mutually exclusive",
                'spec.paramRef.parameterNotFoundAction: Unsupported value: "X": supported values: "Deny", "Allow"',
            ],
        ),
        (
            {"spec": {"matchResources": {"matchPolicy": "X"}}},
            ['spec.matchResources.matchPolicy: Unsupported value: "X": supported values: "Equivalent", "Exact"'],
        ),
    ],
)
def test_bindings_of_validating_policies(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(admissionregistration.ValidatingAdmissionPolicyBinding, BOUND, change) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            {"spec": {"policyName": "", "matchResources": {"resourceRules": [{**RULE, "operations": ["DELETE"]}]}}},
            [
                "spec.policyName: Required value",
                (
                    'spec.matchResources.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", '
                    '"CREATE", "UPDATE"'
                ),
            ],
        ),
    ],
)
def test_bindings_of_mutating_policies(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(admissionregistration.MutatingAdmissionPolicyBinding, MUTATION_BOUND, change) == wanted
