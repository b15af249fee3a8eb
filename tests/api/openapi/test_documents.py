"""The OpenAPI documents: what kubectl reads out of them, their hashes, and that every reference leads somewhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sagong.api.openapi.documents import Documents
from sagong.api.openapi.schemas import references
from sagong.api.resources import BUILT_IN, STATUS, Resource, ResourceTable

WIDGET = Resource("example.org", "v1", "Widget", "widgets", "widget", subresources=(STATUS,), list_kind="WidgetList")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"spec": {"type": "object", "properties": {"size": {"x-kubernetes-int-or-string": True}}, "required": ["size"]}},
}


@pytest.fixture(scope="module")
def documents() -> Documents:
    return Documents(ResourceTable([*BUILT_IN, WIDGET]), "1.36", lambda row: SCHEMA)


def load(document: Any) -> Any:
    return json.loads(document.body)


def test_the_index_leads_to_every_group_version(documents: Documents) -> None:
    paths = load(documents.index())["paths"]
    assert {"api/v1", "apis/apps/v1", "apis/rbac.authorization.k8s.io/v1", "apis/example.org/v1", "api", "apis", "version"} <= set(paths)
    for path, item in paths.items():
        document = documents.group_version(path)
        assert document is not None
        assert item["serverRelativeURL"] == f"/openapi/v3/{path}?hash={document.etag}"
    assert documents.group_version("apis/absent/v1") is None


@pytest.mark.parametrize("path", sorted({f"apis/{r.group}/{r.version}" if r.group else "api/v1" for r in BUILT_IN}))
def test_every_reference_of_a_document_is_in_it(documents: Documents, path: str) -> None:
    document = load(documents.group_version(path))
    assert references(document) <= set(document["components"]["schemas"])


def test_kubectl_finds_what_it_looks_for(documents: Documents) -> None:
    document = load(documents.group_version("apis/apps/v1"))
    item = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]
    assert item["patch"]["operationId"] == "patchAppsV1NamespacedDeployment"
    assert item["patch"]["x-kubernetes-action"] == "patch"
    assert item["patch"]["x-kubernetes-group-version-kind"] == {"group": "apps", "version": "v1", "kind": "Deployment"}
    assert {"fieldValidation", "dryRun", "fieldManager", "force"} <= {p["name"] for p in item["patch"]["parameters"]}
    schemas = document["components"]["schemas"]
    assert schemas["io.k8s.api.apps.v1.Deployment"]["x-kubernetes-group-version-kind"] == [
        {"group": "apps", "kind": "Deployment", "version": "v1"}
    ]
    containers = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-list-map-keys"] == ["name"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"


def test_operation_ids_are_unique_and_upstreams(documents: Documents) -> None:
    swagger = load(documents.swagger())
    ids = [op["operationId"] for item in swagger["paths"].values() for name, op in item.items() if name != "parameters"]
    assert len(ids) == len(set(ids))
    assert {
        "listCoreV1NamespacedPod",
        "listCoreV1PodForAllNamespaces",
        "deleteCoreV1CollectionNamespacedPod",
        "connectCoreV1GetNamespacedPodExec",
        "replaceCoreV1NamespaceFinalize",
        "readAppsV1NamespacedDeploymentScale",
        "createRbacAuthorizationV1ClusterRole",
        "readCoreV1NamespacedPodLog",
        "createCoreV1NamespacedServiceAccountToken",
        "patchExampleOrgV1NamespacedWidgetStatus",
    } <= set(ids)


def test_the_swagger_document_has_what_old_clients_read(documents: Documents) -> None:
    swagger = load(documents.swagger())
    definitions = swagger["definitions"]
    assert references(swagger) <= set(definitions)
    assert definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"] == {"type": "string", "format": "int-or-string"}
    assert definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"] == {"type": "string"}
    assert definitions["io.k8s.api.core.v1.Pod"]["properties"]["spec"]["$ref"] == "#/definitions/io.k8s.api.core.v1.PodSpec"


def test_custom_resources_are_in_it(documents: Documents) -> None:
    schemas = load(documents.group_version("apis/example.org/v1"))["components"]["schemas"]
    widget = schemas["org.example.v1.Widget"]
    size = {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}
    assert widget["properties"]["spec"] == {**SCHEMA["properties"]["spec"], "properties": {"size": size}}
    assert widget["x-kubernetes-group-version-kind"] == [{"group": "example.org", "version": "v1", "kind": "Widget"}]
    old = load(documents.swagger())["definitions"]["org.example.v1.Widget"]
    assert old["properties"]["spec"]["properties"]["size"] == {"x-kubernetes-int-or-string": True}


def test_a_changed_schema_changes_the_hash() -> None:
    shown = {"type": "object"}
    documents = Documents(ResourceTable([WIDGET]), "1.36", lambda row: shown)
    before = documents.index().etag
    shown = {"type": "object", "description": "new"}
    assert documents.index().etag == before
    documents.changed()
    assert documents.index().etag != before


def test_kinds_have_a_description(documents: Documents) -> None:
    schemas = load(documents.group_version("api/v1"))["components"]["schemas"]
    missing = [row.kind for row in BUILT_IN if row.group == "" and "description" not in schemas[f"io.k8s.api.core.v1.{row.kind}"]]
    assert missing == []


def test_the_protobuf_form_holds_the_same(documents: Documents) -> None:
    body = documents.swagger_protobuf().body
    fields = dict(_fields(body))
    assert fields[1] == b"2.0"
    names = {bytes(dict(_fields(item))[1]).decode() for number, item in _fields(fields[9]) if number == 1}
    assert names == set(load(documents.swagger())["definitions"])


def _fields(data: bytes) -> list[tuple[int, bytes]]:
    """Read length-delimited protobuf fields."""
    found, at = [], 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        number = varint() >> 3
        size = varint()
        found.append((number, data[at : at + size]))
        at += size
    return found
