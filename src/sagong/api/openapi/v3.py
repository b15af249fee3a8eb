"""OpenAPI 3.0 documents, one for each group version (KEP-2896)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sagong.api.openapi.operations import PATCH, Operation, Path, group_title, parameter_type, patch_types, paths_of, tag
from sagong.api.openapi.schemas import Schema, closure, ref, references
from sagong.api.resources import Resource

_MEDIA = ("application/json", "application/vnd.kubernetes.protobuf", "application/yaml")
_STREAMS = ("application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch")
_OUTCOMES = {200: "OK", 201: "Created", 202: "Accepted"}


def document(rows: Sequence[Resource], custom: dict[str, Schema], version: str) -> dict[str, Any]:
    """Return the document of the resources of one group version; `custom` are the schemas of custom resources."""
    paths = {path.url: _path(path, row) for row in rows for path in paths_of(row)}
    needed = references(paths) | references(list(custom.values()))
    schemas = dict(sorted({**closure(needed), **custom}.items()))
    return _shell(paths, version, schemas)


def plain_document(path: str, version: str) -> dict[str, Any]:
    """Return the document of a path that has no resources, as `api`."""
    operation = {"description": f"get /{path}/", "responses": {"200": {"description": "OK"}, "401": {"description": "Unauthorized"}}}
    return _shell({f"/{path}/": {"get": operation}}, version, {})


def _shell(paths: dict[str, Any], version: str, schemas: dict[str, Schema]) -> dict[str, Any]:
    security = {"BearerToken": {"type": "apiKey", "description": "Bearer Token authentication", "name": "authorization", "in": "header"}}
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": version},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": schemas, "securitySchemes": security},
    }


def _path(path: Path, row: Resource) -> dict[str, Any]:
    item: dict[str, Any] = {operation.method: _operation(operation, row) for operation in path.operations}
    item["parameters"] = [*(_parameter(name, "path") for name in path.parameters), *(_parameter(name, "query") for name in path.query)]
    return item


def _operation(operation: Operation, row: Resource) -> dict[str, Any]:
    group, version, kind = operation.kind
    result: dict[str, Any] = {
        "tags": [tag(row.group, row.version)],
        "description": f"{operation.action} {kind}",
        "operationId": operation.identity(group_title(row.group, row.version)),
    }
    if operation.query:
        result["parameters"] = [_parameter(name, "query") for name in operation.query]
    if operation.body:
        media = patch_types(row) if operation.body == PATCH else ("*/*",)
        result["requestBody"] = {"content": {name: {"schema": ref(operation.body)} for name in media}}
        if operation.body_required:
            result["requestBody"]["required"] = True
    result["responses"] = {
        **{str(code): _answer(code, schema, watchable=operation.watchable) for code, schema in operation.answers.items()},
        "401": {"description": "Unauthorized"},
    }
    result["x-kubernetes-action"] = operation.action
    result["x-kubernetes-group-version-kind"] = {"group": group, "version": version, "kind": kind}
    return result


def _answer(code: int, schema: str, *, watchable: bool) -> dict[str, Any]:
    if not schema:
        return {"description": _OUTCOMES[code], "content": {"*/*": {"schema": {"type": "string"}}}}
    media = (*_MEDIA, *_STREAMS) if watchable else _MEDIA
    return {"description": _OUTCOMES[code], "content": {name: {"schema": ref(schema)} for name in media}}


def _parameter(name: str, place: str) -> dict[str, Any]:
    required = {"required": True} if place == "path" else {}
    return {"name": name, "in": place, **required, "schema": {"type": parameter_type(name), "uniqueItems": True}}
