from __future__ import annotations

from typing import Any

import pytest
from tests.api.validation.support import CLUSTER_META, problems

from sagong.api.types import apiextensions

OBJECT: dict[str, Any] = {"type": "object"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"spec": {"type": "object", "properties": {"a": {"type": "string"}}}, "status": OBJECT},
}
VERSION: dict[str, Any] = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}}
CRD: dict[str, Any] = {
    "metadata": {**CLUSTER_META, "name": "things.example.com"},
    "spec": {"group": "example.com", "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"}, "versions": [VERSION]},
    "status": {"storedVersions": ["v1"]},
}


def names(**fields: Any) -> dict[str, Any]:
    return {"spec": {"names": fields}}


def version(**fields: Any) -> dict[str, Any]:
    return {"spec": {"versions": {0: fields}}}


def schema(**fields: Any) -> dict[str, Any]:
    return version(schema={"openAPIV3Schema": fields})


def field(**fields: Any) -> dict[str, Any]:
    return schema(properties={"spec": {"properties": {"b": fields}}})


def conversion(**fields: Any) -> dict[str, Any]:
    return {"spec": {"conversion": fields}}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"metadata": {"name": "x"}}, ['metadata.name: Invalid value: "x": must be spec.names.plural+"."+spec.group']),
        (
            {"metadata": {"name": "things."}, "spec": {"group": ""}},
            ['metadata.name: Invalid value: "things.": <subdomain>', "spec.group: Required value"],
        ),
        (
            {"metadata": {"name": "things.example"}, "spec": {"group": "example"}},
            ['spec.group: Invalid value: "example": should be a domain with at least one dot'],
        ),
        ({"spec": {"scope": ""}}, ["spec.scope: Required value"]),
        ({"spec": {"scope": "X"}}, ['spec.scope: Unsupported value: "X": supported values: "Cluster", "Namespaced"']),
        (names(kind=""), ["spec.names.singular: Required value", "spec.names.kind: Required value", "spec.names.listKind: Required value"]),
        (
            names(singular="A", kind="A b", listKind="A b", shortNames=["A"], categories=["A"]),
            [
                'spec.names.singular: Invalid value: "A": <DNS-1035 label>',
                'spec.names.kind: Invalid value: "A b": may have mixed case, but should otherwise match: <DNS-1035 label>',
                'spec.names.listKind: Invalid value: "A b": may have mixed case, but should otherwise match: <DNS-1035 label>',
                'spec.names.shortNames[0]: Invalid value: "A": <DNS-1035 label>',
                'spec.names.listKind: Invalid value: "A b": kind and listKind may not be the same',
                'spec.names.categories[0]: Invalid value: "A": <DNS-1035 label>',
            ],
        ),
        (
            version(name="V", deprecationWarning="x"),
            [
                'spec.versions[0].name: Invalid value: "V": <DNS-1035 label>',
                'spec.versions[0].deprecationWarning: Invalid value: "x": can only be set for deprecated versions',
                'status.storedVersions: Invalid value: ["v1"]: must have the storage version V',
                (
                    'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was previously a storage version, and '
                    "must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 "
                    "from status.storedVersions"
                ),
            ],
        ),
        (
            version(deprecated=True, deprecationWarning=""),
            ['spec.versions[0].deprecationWarning: Invalid value: "": must not be an empty string'],
        ),
        (
            version(deprecated=True, deprecationWarning="a\nb"),
            [
                (
                    'spec.versions[0].deprecationWarning: Invalid value: "a\\nb": must only contain printable UTF-8 characters; '
                    "non-printable character found at index 1"
                )
            ],
        ),
        (
            version(storage=False),
            [
                (
                    "spec.versions: Invalid value: "
                    '[{"Name":"v1","Served":true,"Storage":false,"Deprecated":false,"DeprecationWarning":null,"Schema":null,'
                    '"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null}]: must have exactly one version marked '
                    "as storage version"
                )
            ],
        ),
        (version(schema=None), ["spec.versions[0].schema.openAPIV3Schema: Required value"]),
        (
            {"spec": {"versions": {1: {**VERSION, "storage": False}}}},
            [
                (
                    "spec.versions: Invalid value: "
                    '[{"Name":"v1","Served":true,"Storage":true,"Deprecated":false,"DeprecationWarning":null,"Schema":null,'
                    '"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null},{"Name":"v1","Served":true,'
                    '"Storage":false,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,'
                    '"AdditionalPrinterColumns":null,"SelectableFields":null}]: must contain unique version names'
                )
            ],
        ),
        (
            {"spec": {"preserveUnknownFields": True}},
            [
                (
                    "spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true "
                    "in spec.versions[*].schema instead"
                )
            ],
        ),
        ({"status": {"storedVersions": []}}, []),
        (
            {"status": {"storedVersions": ["v0"]}},
            [
                'status.storedVersions: Invalid value: ["v0"]: must have the storage version v1',
                (
                    'status.storedVersions[0]: Invalid value: "v0": missing from spec.versions; v0 was previously a storage version, and '
                    "must remain in spec.versions until a storage migration ensures no data remains persisted in v0 and removes v0 "
                    "from status.storedVersions"
                ),
            ],
        ),
        ({"status": {"acceptedNames": {"plural": "A"}}}, ['status.acceptedNames.plural: Invalid value: "A": <DNS-1035 label>']),
        (
            {"metadata": {"name": "things.x.k8s.io"}, "spec": {"group": "x.k8s.io"}},
            [
                (
                    "metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation "
                    '"api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111'
                )
            ],
        ),
        (
            {"metadata": {"name": "things.x.k8s.io", "annotations": {"api-approved.kubernetes.io": "yes"}}, "spec": {"group": "x.k8s.io"}},
            [
                (
                    'metadata.annotations[api-approved.kubernetes.io]: Invalid value: "yes": protected groups must have approval '
                    'annotation "api-approved.kubernetes.io" with either a URL or a reason starting with "unapproved", see '
                    "https://github.com/kubernetes/enhancements/pull/1111"
                )
            ],
        ),
        (
            {
                "metadata": {"name": "things.x.k8s.io", "annotations": {"api-approved.kubernetes.io": "https://github.com/x"}},
                "spec": {"group": "x.k8s.io"},
            },
            [],
        ),
        (
            {
                "metadata": {"name": "things.x.k8s.io", "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"}},
                "spec": {"group": "x.k8s.io"},
            },
            [],
        ),
        (conversion(strategy="X"), ['spec.conversion.strategy: Unsupported value: "X": supported values: "None", "Webhook"']),
        (
            conversion(strategy="Webhook"),
            [
                "spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook",
                "spec.conversion.conversionReviewVersions: Required value",
            ],
        ),
        (
            conversion(strategy="None", webhook={"conversionReviewVersions": ["v1"], "clientConfig": {"url": "https://a.b"}}),
            [
                "spec.conversion.webhookClientConfig: Forbidden: should not be set when strategy is not set to Webhook",
                "spec.conversion.conversionReviewVersions: Forbidden: should not be set when strategy is not set to Webhook",
            ],
        ),
        (
            conversion(strategy="Webhook", webhook={"conversionReviewVersions": ["v3"], "clientConfig": {}}),
            [
                "spec.conversion.webhookClientConfig: Required value: exactly one of url or service is required",
                'spec.conversion.conversionReviewVersions: Invalid value: ["v3"]: must include at least one of v1, v1beta1',
            ],
        ),
        (
            conversion(
                strategy="Webhook",
                webhook={"conversionReviewVersions": ["v1"], "clientConfig": {"service": {"name": "s", "namespace": "n"}}},
            ),
            [],
        ),
        (
            version(subresources={"scale": {"specReplicasPath": "", "statusReplicasPath": "x", "labelSelectorPath": ".x"}}),
            [
                "spec.subresources.scale.specReplicasPath: Required value",
                'spec.subresources.scale.statusReplicasPath: Invalid value: "x": must be a simple json path starting with .',
                'spec.subresources.scale.labelSelectorPath: Invalid value: ".x": should be a json path under either .spec or .status',
            ],
        ),
        (
            version(
                subresources={
                    "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas", "labelSelectorPath": "x"}
                }
            ),
            ['spec.subresources.scale.labelSelectorPath: Invalid value: "x": must be a simple json path starting with .'],
        ),
        (
            version(subresources={"scale": {"specReplicasPath": ".status.a", "statusReplicasPath": ".spec.a"}}),
            [
                'spec.subresources.scale.specReplicasPath: Invalid value: ".status.a": should be a json path under .spec',
                'spec.subresources.scale.statusReplicasPath: Invalid value: ".spec.a": should be a json path under .status',
            ],
        ),
        (
            version(
                additionalPrinterColumns=[
                    {"name": "", "type": "", "jsonPath": ""},
                    {"name": "a", "type": "X", "format": "X", "jsonPath": "spec"},
                ]
            ),
            [
                "spec.additionalPrinterColumns[0].name: Required value",
                "spec.additionalPrinterColumns[0].type: Required value: must be one of boolean,date,integer,number,string",
                "spec.additionalPrinterColumns[0].JSONPath: Required value",
                'spec.additionalPrinterColumns[1].type: Invalid value: "X": must be one of boolean,date,integer,number,string',
                (
                    'spec.additionalPrinterColumns[1].format: Invalid value: "X": must be one of '
                    "byte,date,date-time,double,float,int32,int64,password"
                ),
                'spec.additionalPrinterColumns[1].JSONPath: Invalid value: "spec": must be a simple json path starting with .',
            ],
        ),
        (
            version(
                selectableFields=[
                    {"jsonPath": ".spec.a"},
                    {"jsonPath": ".spec.a"},
                    {"jsonPath": ""},
                    {"jsonPath": ".spec.x"},
                    {"jsonPath": ".spec"},
                    {"jsonPath": "spec"},
                    {"jsonPath": ".spec['a']"},
                ]
            ),
            [
                'spec.selectableFields[1].jsonPath: Duplicate value: ".spec.a"',
                "spec.selectableFields[2].jsonPath: Required value",
                'spec.selectableFields[3].jsonPath: Invalid value: ".spec.x": is an invalid path: does not refer to a valid field',
                (
                    'spec.selectableFields[4].jsonPath: Invalid value: ".spec": must point to a field of type string, boolean or integer. '
                    "Enum string fields and strings with formats are allowed."
                ),
                'spec.selectableFields[5].jsonPath: Invalid value: "spec": is an invalid path: expected [ or . but got: spec',
                "spec.selectableFields[6].jsonPath: Invalid value: \".spec['a']\": is an invalid path: array notation is not allowed",
            ],
        ),
    ],
)
def test_definitions(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(apiextensions.CustomResourceDefinition, CRD, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "",
            {"spec": {"group": "b.c", "names": {"plural": "others", "kind": "Other"}}},
            ['spec.group: Invalid value: "b.c": field is immutable', 'spec.names.plural: Invalid value: "others": field is immutable'],
        ),
        (
            "",
            {"spec": {"versions": [{**VERSION, "name": "v2"}]}},
            [
                'status.storedVersions: Invalid value: ["v1"]: must have the storage version v2',
                (
                    'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was previously a storage version, and '
                    "must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 "
                    "from status.storedVersions"
                ),
            ],
        ),
        (
            "status",
            {"status": {"acceptedNames": {"kind": "A b"}}},
            ['status.acceptedNames.kind: Invalid value: "A b": may have mixed case, but should otherwise match: <DNS-1035 label>'],
        ),
        ("status", {"status": {"storedVersions": []}}, []),
    ],
)
def test_changes_of_definitions(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(apiextensions.CustomResourceDefinition, CRD, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            schema(type="array"),
            [
                "spec.validation.openAPIV3Schema.items: Required value: must be specified",
                'spec.validation.openAPIV3Schema.type: Invalid value: "array": must be object at the root',
            ],
        ),
        (schema(type=""), ["spec.validation.openAPIV3Schema.type: Required value: must not be empty at the root"]),
        (schema(nullable=True), ["spec.validation.openAPIV3Schema.nullable: Forbidden: nullable cannot be true at the root"]),
        (
            schema(additionalProperties=OBJECT, properties=None),
            ["spec.validation.openAPIV3Schema.additionalProperties: Forbidden: must not be used at the root"],
        ),
        (
            schema(additionalProperties=OBJECT),
            [
                "spec.validation.openAPIV3Schema.additionalProperties: Forbidden: must not be used at the root",
                "spec.validation.openAPIV3Schema.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive",
            ],
        ),
        (
            schema(allOf=[{"properties": {"z": {"maxLength": 5}}, "items": {"pattern": "a"}}]),
            [
                (
                    "spec.validation.openAPIV3Schema.items: Required value: because it is defined in "
                    "spec.validation.openAPIV3Schema.allOf[0].items"
                ),
                (
                    "spec.validation.openAPIV3Schema.properties[z]: Required value: because it is defined in "
                    "spec.validation.openAPIV3Schema.allOf[0].properties[z]"
                ),
            ],
        ),
        (schema(title="t", nullable=False), []),
        (
            schema(properties={"metadata": {"type": "string"}}),
            ['spec.validation.openAPIV3Schema.properties[metadata].type: Invalid value: "string": must be object'],
        ),
        (schema(properties={"metadata": {"type": "object", "properties": {"name": {"type": "string", "pattern": "a"}}}}), []),
        (
            schema(properties={"metadata": {"type": "object", "properties": {"labels": OBJECT}}}),
            [
                (
                    "spec.validation.openAPIV3Schema.properties[metadata]: Forbidden: must not specify anything other than name and "
                    "generateName, but metadata is implicitly specified"
                )
            ],
        ),
        (
            schema(properties={"kind": {"type": "integer"}}),
            ['spec.validation.openAPIV3Schema.properties[kind].type: Invalid value: "integer": must be string'],
        ),
        (
            {"spec": {"versions": {0: {"subresources": {"status": {}}, "schema": {"openAPIV3Schema": {"type": "array"}}}}}},
            [
                (
                    'spec.validation.openAPIV3Schema.type: Invalid value: "array": only "object" is allowed as the type at the root of the '
                    "schema if the status subresource is enabled"
                ),
                "spec.validation.openAPIV3Schema.items: Required value: must be specified",
                'spec.validation.openAPIV3Schema.type: Invalid value: "array": must be object at the root',
            ],
        ),
        (
            {"spec": {"versions": {1: {**VERSION, "name": "v2", "storage": False, "schema": {"openAPIV3Schema": {"type": "string"}}}}}},
            ['spec.versions[1].schema.openAPIV3Schema.type: Invalid value: "string": must be object at the root'],
        ),
        (
            field(),
            [
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].type: Required value: must not be empty for specified "
                    "object fields"
                )
            ],
        ),
        (
            field(type="X"),
            [
                (
                    'spec.validation.openAPIV3Schema.properties[spec].properties[b].type: Unsupported value: "X": supported values: '
                    '"array", "boolean", "integer", "number", "object", "string"'
                )
            ],
        ),
        (field(type="array"), ["spec.validation.openAPIV3Schema.properties[spec].properties[b].items: Required value: must be specified"]),
        (
            field(type="array", items={}),
            [
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].items.type: Required value: must not be empty for "
                    "specified array items"
                )
            ],
        ),
        (
            field(type="array", items=[{"type": "string"}]),
            [
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].items: Forbidden: items must be a schema object and "
                    "not an array"
                )
            ],
        ),
        (
            field(type="string", uniqueItems=True),
            [
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].uniqueItems: Forbidden: uniqueItems cannot be set to "
                    "true since the runtime complexity becomes quadratic"
                )
            ],
        ),
        (
            field(type="object", properties={"c": {"type": "string"}}, additionalProperties=OBJECT),
            [
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].additionalProperties: Forbidden: additionalProperties "
                    "and properties are mutual exclusive"
                )
            ],
        ),
        (
            field(type="string", id="x", **{"$ref": "x", "$schema": "x"}),
            [
                "spec.validation.openAPIV3Schema.properties[spec].properties[b].id: Forbidden: id is not supported",
                "spec.validation.openAPIV3Schema.properties[spec].properties[b].$ref: Forbidden: $ref is not supported",
            ],
        ),
        (
            field(type="string", **{"$schema": "x"}),
            ["spec.validation.openAPIV3Schema: Invalid value: \"\": OpenAPIV3Schema 'schema' is not supported"],
        ),
        (
            field(type="string", pattern="("),
            [
                (
                    'spec.validation.openAPIV3Schema.properties[spec].properties[b].pattern: Invalid value: "(": must be a valid regular '
                    "expression, but isn't: error parsing regexp: missing closing ): `(`"
                )
            ],
        ),
        (
            field(type="string", pattern="a[b"),
            [
                (
                    'spec.validation.openAPIV3Schema.properties[spec].properties[b].pattern: Invalid value: "a[b": must be a valid regular '
                    "expression, but isn't: error parsing regexp: missing closing ]: `[b`"
                )
            ],
        ),
        (
            field(type="string", pattern="a\\"),
            [
                (
                    'spec.validation.openAPIV3Schema.properties[spec].properties[b].pattern: Invalid value: "a\\\\": must be a valid '
                    "regular expression, but isn't: error parsing regexp: trailing backslash at end of expression: ``"
                )
            ],
        ),
        (
            field(type="string", pattern="a**"),
            [
                (
                    'spec.validation.openAPIV3Schema.properties[spec].properties[b].pattern: Invalid value: "a**": must be a valid regular '
                    "expression, but isn't: error parsing regexp: invalid nested repetition operator: `**`"
                )
            ],
        ),
        (
            field(type="string", pattern="(?=a)"),
            [
                (
                    'spec.validation.openAPIV3Schema.properties[spec].properties[b].pattern: Invalid value: "(?=a)": must be a valid '
                    "regular expression, but isn't: error parsing regexp: invalid or unsupported Perl syntax: `(?=`"
                )
            ],
        ),
        (
            field(type="string", pattern="\\1"),
            [
                (
                    'spec.validation.openAPIV3Schema.properties[spec].properties[b].pattern: Invalid value: "\\\\1": must be a valid '
                    "regular expression, but isn't: error parsing regexp: invalid escape sequence: `\\1`"
                )
            ],
        ),
        (field(type="string", pattern="\\p{Greek}"), []),
        (field(type="string", pattern="^(?i)(abort|warn)?$"), []),
        (field(**{"x-kubernetes-int-or-string": True}), []),
        (field(anyOf=[{"type": "integer"}, {"type": "string"}], **{"x-kubernetes-int-or-string": True}), []),
        (
            field(type="string", anyOf=[{"type": "integer", "description": "d", "default": 1}]),
            [
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].anyOf[0].default: Forbidden: must be undefined to be "
                    "structural"
                ),
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].anyOf[0].description: Forbidden: must be empty to be "
                    "structural"
                ),
                "spec.validation.openAPIV3Schema.properties[spec].properties[b].anyOf[0].type: Forbidden: must be empty to be structural",
            ],
        ),
        (field(type="object", allOf=[{"properties": {"c": {"maxLength": 5}}}]), []),
        (
            field(
                type="object", properties={"c": {"type": "string"}}, oneOf=[{"required": ["c"]}, {"properties": {"c": {"pattern": "a"}}}]
            ),
            [],
        ),
        (
            field(type="string", **{"x-kubernetes-preserve-unknown-fields": False}),
            [
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].x-kubernetes-preserve-unknown-fields: Invalid value: "
                    "false: must be true or undefined"
                )
            ],
        ),
        (field(**{"x-kubernetes-preserve-unknown-fields": True}), []),
        (
            field(**{"x-kubernetes-embedded-resource": True}),
            [
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].properties: Required value: must not be empty if "
                    "x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields"
                ),
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].type: Required value: must be object if "
                    "x-kubernetes-embedded-resource is true"
                ),
            ],
        ),
        (field(type="object", **{"x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True}), []),
        (
            field(type="array", items=OBJECT, **{"x-kubernetes-list-type": "set"}),
            [
                (
                    'spec.validation.openAPIV3Schema.properties[spec].properties[b].items.x-kubernetes-map-type: Invalid value: "": must '
                    "be atomic as item of a list with x-kubernetes-list-type=set"
                )
            ],
        ),
        (field(type="array", items={"type": "string"}, **{"x-kubernetes-list-type": "set"}), []),
        (
            field(type="array", items={"type": "object", "properties": {"k": {"type": "string"}}}, **{"x-kubernetes-list-type": "map"}),
            [
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].x-kubernetes-list-map-keys: Required value: must not "
                    "be empty if x-kubernetes-list-type is map"
                )
            ],
        ),
        (
            field(
                type="array",
                items={"type": "object", "properties": {"k": {"type": "string", "nullable": True}, "o": OBJECT}},
                **{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k", "k", "o", "z"]},
            ),
            [
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].x-kubernetes-list-map-keys: Invalid value: "
                    '["k","k","o","z"]: must not contain duplicate entries'
                ),
                (
                    'spec.validation.openAPIV3Schema.properties[spec].properties[b].items.properties[o].type: Invalid value: "object": '
                    "must be a scalar type if parent array's x-kubernetes-list-type is map"
                ),
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].x-kubernetes-list-map-keys: Invalid value: "
                    '["k","k","o","z"]: entries must all be names of item properties'
                ),
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].items.properties[k].default: Required value: this "
                    "property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"
                ),
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].items.properties[k].nullable: Forbidden: this property "
                    "is in x-kubernetes-list-map-keys, so it cannot be nullable"
                ),
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].items.properties[k].default: Required value: this "
                    "property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"
                ),
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].items.properties[k].nullable: Forbidden: this property "
                    "is in x-kubernetes-list-map-keys, so it cannot be nullable"
                ),
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].items.properties[o].default: Required value: this "
                    "property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"
                ),
            ],
        ),
        (
            field(
                type="array",
                items={"type": "object", "required": ["k"], "properties": {"k": {"type": "string"}}},
                **{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"]},
            ),
            [],
        ),
        (
            field(type="string", **{"x-kubernetes-list-type": "map", "x-kubernetes-map-type": "X"}),
            [
                (
                    'spec.validation.openAPIV3Schema.properties[spec].properties[b].type: Invalid value: "string": must be object if '
                    "x-kubernetes-map-type is specified"
                ),
                (
                    'spec.validation.openAPIV3Schema.properties[spec].properties[b].x-kubernetes-map-type: Unsupported value: "X": '
                    'supported values: "atomic", "granular"'
                ),
                (
                    'spec.validation.openAPIV3Schema.properties[spec].properties[b].type: Invalid value: "string": must be array if '
                    "x-kubernetes-list-type is specified"
                ),
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].x-kubernetes-list-map-keys: Required value: must not "
                    "be empty if x-kubernetes-list-type is map"
                ),
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].items: Required value: must have a schema if "
                    "x-kubernetes-list-type is map"
                ),
            ],
        ),
        (
            field(type="array", items={"type": "string"}, **{"x-kubernetes-list-type": "X", "x-kubernetes-list-map-keys": ["k"]}),
            [
                (
                    'spec.validation.openAPIV3Schema.properties[spec].properties[b].x-kubernetes-list-type: Unsupported value: "X": '
                    'supported values: "atomic", "set", "map"'
                ),
                (
                    'spec.validation.openAPIV3Schema.properties[spec].properties[b].x-kubernetes-list-type: Invalid value: "X": must be '
                    "map if x-kubernetes-list-map-keys is non-empty"
                ),
            ],
        ),
        (
            field(
                type="object",
                properties={"c": {"type": "string"}},
                **{
                    "x-kubernetes-validations": [
                        {"rule": " "},
                        {"rule": "true", "message": " "},
                        {"rule": "a\nb"},
                        {"rule": "true", "message": "a\nb", "messageExpression": " ", "reason": "X", "fieldPath": ".d"},
                        {"rule": "true", "fieldPath": ".c"},
                        {"rule": "true", "fieldPath": "['c']"},
                    ]
                },
            ),
            [
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].x-kubernetes-validations[0].rule: Required value: rule "
                    "is not specified"
                ),
                (
                    'spec.validation.openAPIV3Schema.properties[spec].properties[b].x-kubernetes-validations[1].message: Invalid value: " '
                    '": must be non-empty if specified'
                ),
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].x-kubernetes-validations[2].message: Required value: "
                    "message must be specified if rule contains line breaks"
                ),
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].x-kubernetes-validations[3].message: Invalid value: "
                    '"a\\nb": must not contain line breaks'
                ),
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].x-kubernetes-validations[3].messageExpression: "
                    "Required value: messageExpression must be non-empty if specified"
                ),
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].x-kubernetes-validations[3].reason: Unsupported value: "
                    '"X": supported values: "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"'
                ),
                (
                    "spec.validation.openAPIV3Schema.properties[spec].properties[b].x-kubernetes-validations[3].fieldPath: Invalid value: "
                    '".d": must be a valid path'
                ),
            ],
        ),
    ],
)
def test_schemas(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(apiextensions.CustomResourceDefinition, CRD, change) == wanted
