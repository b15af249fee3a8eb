"""The OpenAPI 2.0 (Swagger) document of everything, for clients from before OpenAPI 3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sagong.api.openapi.operations import PATCH, Operation, Path, group_title, parameter_type, patch_types, paths_of, tag
from sagong.api.openapi.schemas import REF, Schema, closure, references
from sagong.api.resources import Resource

_DEFINITIONS = "#/definitions/"
_MEDIA = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"]
_STREAMS = ["application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch"]
_OUTCOMES = {200: "OK", 201: "Created", 202: "Accepted"}
# Keywords of schemas that version 2 does not have.
_DROPPED = frozenset({"default", "nullable", "oneOf", "anyOf", "not", "x-kubernetes-validations"})


def document(rows: Sequence[Resource], custom: dict[str, Schema], version: str) -> dict[str, Any]:
    """Return the document; `custom` are the schemas of custom resources."""
    paths = {path.url: _path(path, row) for row in rows for path in paths_of(row)}
    schemas = closure(references(paths) | references(list(custom.values())))
    definitions = {name: _definition(schema) for name, schema in schemas.items()} | custom
    return {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": version},
        "paths": dict(sorted(paths.items())),
        "definitions": dict(sorted(definitions.items())),
        "securityDefinitions": {
            "BearerToken": {"description": "Bearer Token authentication", "type": "apiKey", "name": "authorization", "in": "header"}
        },
        "security": [{"BearerToken": []}],
    }


def _definition(schema: Any) -> Any:
    """Bring a schema of version 3 into version 2's form."""
    if isinstance(schema, list):
        return [_definition(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "oneOf" in schema and "properties" not in schema:  # quantities and int-or-strings
        kept = {key: value for key, value in schema.items() if key not in ("oneOf", "default")}
        return {"type": "string", **kept}
    if schema.get("x-kubernetes-int-or-string") is True:
        return {"type": "string", "format": "int-or-string"}
    return {key: value for name, item in schema.items() for key, value in _keyword(name, item)}


def _keyword(name: str, value: Any) -> list[tuple[str, Any]]:
    if name in _DROPPED:
        return []
    if name == "allOf":
        target = value[0].get("$ref", "") if isinstance(value, list) and len(value) == 1 else ""
        return [("$ref", _moved(target))] if target else []
    if name == "$ref":
        return [(name, _moved(value))]
    if name in ("properties", "additionalProperties", "items"):
        if name == "properties":
            return [(name, {key: _definition(item) for key, item in value.items()})]
        return [(name, _definition(value))] if isinstance(value, dict) else []
    return [(name, value)]


def _moved(target: str) -> str:
    return target.replace(REF, _DEFINITIONS)


def _path(path: Path, row: Resource) -> dict[str, Any]:
    item: dict[str, Any] = {operation.method: _operation(operation, row) for operation in path.operations}
    item["parameters"] = [*(_parameter(name, "path") for name in path.parameters), *(_parameter(name, "query") for name in path.query)]
    return item


def _operation(operation: Operation, row: Resource) -> dict[str, Any]:
    group, version, kind = operation.kind
    parameters = [_parameter(name, "query") for name in operation.query]
    if operation.body:
        required = {"required": True} if operation.body_required else {}
        schema = {"$ref": f"{_DEFINITIONS}{operation.body}"}
        parameters.insert(0, {"name": "body", "in": "body", **required, "schema": schema})
    connecting = operation.action == "connect"
    return {
        "description": f"{operation.action} {kind}",
        "consumes": list(patch_types(row)) if operation.body == PATCH else ["*/*"],
        "produces": ["*/*"] if connecting else [*_MEDIA, *(_STREAMS if operation.watchable else ())],
        "schemes": ["https"],
        "tags": [tag(row.group, row.version)],
        "operationId": operation.identity(group_title(row.group, row.version)),
        **({"parameters": parameters} if parameters else {}),
        "responses": {
            **{str(code): _answer(code, schema) for code, schema in operation.answers.items()},
            "401": {"description": "Unauthorized"},
        },
        "x-kubernetes-action": operation.action,
        "x-kubernetes-group-version-kind": {"group": group, "version": version, "kind": kind},
    }


def _answer(code: int, schema: str) -> dict[str, Any]:
    value = {"$ref": f"{_DEFINITIONS}{schema}"} if schema else {"type": "string"}
    return {"description": _OUTCOMES[code], "schema": value}


def _parameter(name: str, place: str) -> dict[str, Any]:
    required = {"required": True} if place == "path" else {}
    return {"uniqueItems": True, "type": parameter_type(name), "name": name, "in": place, **required}
