"""OpenAPI documents of other servers, merged into this one's: what belongs to their group versions, under names that do not clash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Document = dict[str, Any]
_DEFINITIONS = "#/definitions/"
_REQUEST_MEDIA = ["*/*"]


def merge(own: Document, others: Sequence[Document]) -> Document:
    """Merge documents of version 2, each filtered already. A definition that is there with another content is renamed."""
    if not others:
        return own
    paths, definitions = dict(own["paths"]), dict(own["definitions"])
    for other in others:
        found: dict[str, Any] = other.get("definitions") or {}
        names = {name: _free(name, schema, definitions) for name, schema in found.items()}
        moved = {_DEFINITIONS + old: _DEFINITIONS + new for old, new in names.items() if old != new}
        for name, schema in found.items():
            definitions.setdefault(names[name], _renamed(schema, moved))
        for path, item in (other.get("paths") or {}).items():
            paths.setdefault(path, _renamed(item, moved))
    return {**own, "paths": dict(sorted(paths.items())), "definitions": dict(sorted(definitions.items()))}


def only(document: Document, prefix: str) -> Document:
    """Keep the paths under a prefix and the definitions that they need."""
    paths = {path: item for path, item in (document.get("paths") or {}).items() if path == prefix or path.startswith(f"{prefix}/")}
    definitions: dict[str, Any] = document.get("definitions") or {}
    needed: set[str] = set()
    waiting = _references(paths)
    while waiting:
        name = waiting.pop()
        if name not in needed and name in definitions:
            needed.add(name)
            waiting |= _references(definitions[name])
    return {"paths": paths, "definitions": {name: definitions[name] for name in sorted(needed)}}


def to_v3(document: Document) -> Document:
    """Return a document of version 2 in version 3's form, as far as discovery of types goes: for servers that know only the old one."""
    schemas = {name: _v3(schema) for name, schema in (document.get("definitions") or {}).items()}
    paths = {path: _v3_path(item) for path, item in (document.get("paths") or {}).items()}
    return {
        "openapi": "3.0.0",
        "info": document.get("info") or {"title": "", "version": ""},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _free(name: str, schema: Any, taken: dict[str, Any]) -> str:
    candidate, number = name, 1
    while candidate in taken and taken[candidate] != schema:
        number += 1
        candidate = f"{name}_v{number}"
    return candidate


def _renamed(value: Any, moved: dict[str, str]) -> Any:
    if not moved:
        return value
    if isinstance(value, list):
        return [_renamed(item, moved) for item in value]
    if isinstance(value, dict):
        return {key: moved.get(item, item) if key == "$ref" else _renamed(item, moved) for key, item in value.items()}
    return value


def _references(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*(_references(item) for item in value))
    if isinstance(value, dict):
        target = value.get("$ref")
        found = {target.removeprefix(_DEFINITIONS)} if isinstance(target, str) else set()
        return found.union(*(_references(item) for item in value.values()))
    return set()


def _v3(value: Any) -> Any:
    if isinstance(value, list):
        return [_v3(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: item.replace(_DEFINITIONS, "#/components/schemas/") if key == "$ref" and isinstance(item, str) else _v3(item)
        for key, item in value.items()
    }


def _v3_path(item: Document) -> Document:
    return {
        method: [_v3_parameter(own) for own in value] if method == "parameters" else _v3_operation(value) for method, value in item.items()
    }


def _v3_operation(operation: Document) -> Document:
    parameters: list[Document] = operation.get("parameters") or []
    body = next((own for own in parameters if own.get("in") == "body"), None)
    made = {key: value for key, value in operation.items() if key not in ("consumes", "produces", "schemes", "parameters", "responses")}
    made["parameters"] = [_v3_parameter(own) for own in parameters if own is not body]
    if body is not None:
        made["requestBody"] = {"content": _content(operation.get("consumes") or _REQUEST_MEDIA, body.get("schema", {}))}
    produced = operation.get("produces") or _REQUEST_MEDIA
    made["responses"] = {
        code: {
            "description": answer.get("description", ""),
            **({"content": _content(produced, answer["schema"])} if "schema" in answer else {}),
        }
        for code, answer in (operation.get("responses") or {}).items()
    }
    return made


def _content(media: Sequence[str], schema: Any) -> Document:
    return {name: {"schema": _v3(schema)} for name in media}


def _v3_parameter(parameter: Document) -> Document:
    kept = ("name", "in", "description", "required")
    schema = {key: _v3(value) for key, value in parameter.items() if key not in kept}
    return {**{key: parameter[key] for key in kept if key in parameter}, "schema": schema}
