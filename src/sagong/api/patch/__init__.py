"""The three patches that are not apply: JSON patch, JSON merge patch, strategic merge patch.

`apply_patch` works on plain dicts; `patch_object` goes the whole way from a request's body to the new object.
"""

from __future__ import annotations

from typing import Any, Literal, NoReturn

import msgspec

from sagong.api.codec import Coerce, Decoded, Target, Validation, has_duplicates, read, strict_error, target_of
from sagong.api.errors import ApiError, BadRequestError, InvalidError, RequestTooLargeError, invalid
from sagong.api.field_errors import Errors
from sagong.api.json_decode import TypeMismatchError, Walker
from sagong.api.json_syntax import JsonError, Pairs, json_type, parse
from sagong.api.patch import json_patch, merge_patch, strategic
from sagong.api.patch.strategic import go_text
from sagong.api.resources import Resource
from sagong.api.schema import shape_of
from sagong.api.types.base import ApiStruct

PatchType = Literal["json", "merge", "strategic"]

CONTENT_TYPES: dict[str, PatchType] = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
}
_REJECTED = "the server rejected our request due to an error in our request"

_encoder = msgspec.json.Encoder()
_sorted_encoder = msgspec.json.Encoder(order="sorted")
_plain = msgspec.json.Decoder()


def apply_patch(original: dict[str, Any], patch: Any, patch_type: PatchType, struct: type[ApiStruct] | None = None) -> Any:
    """Return the original with the patch applied; neither is changed.

    `struct` says how lists merge and is needed for strategic patches. Raises ApiError as upstream answers.
    """
    if patch_type == "merge":
        return merge_patch.merge(original, patch)
    if patch_type == "json":
        if len(patch) > json_patch.MAX_OPERATIONS:
            limit = f"The allowed maximum operations in a JSON patch is {json_patch.MAX_OPERATIONS}, got {len(patch)}"
            raise RequestTooLargeError(f"Request entity too large: {limit}")
        try:
            return json_patch.apply(original, patch)
        except json_patch.JsonPatchError as error:
            raise InvalidError(_REJECTED, generic=True) from error
    if struct is None:
        raise BadRequestError("strategic merge patch format is not supported")
    try:
        return strategic.merge(original, patch, shape_of(struct))
    except strategic.StrategicPatchError as error:
        raise _refused(error) from error


def patch_object(
    original: dict[str, Any],
    body: bytes,
    patch_type: PatchType,
    wanted: Resource | type[ApiStruct],
    *,
    strict: Validation = "Warn",
    coerce: Coerce | None = None,
) -> Decoded:
    """Read the body of a patch, apply it to the original (plain dicts, apiVersion and kind set) and read the result.

    `coerce` brings the dict of a custom resource in line with its schema, in place, and returns its strict problems.
    The warnings are those of the patch and of the result. Raises ApiError with upstream's messages.
    """
    target = target_of(wanted)
    patch, problems = _read_patch(body, patch_type, strict)
    try:
        result = apply_patch(original, patch, patch_type, target.struct)
    except RecursionError:
        raise BadRequestError("exceeded max depth") from None
    if patch_type == "strategic":  # upstream's way back does not look at these
        result = {**result, "apiVersion": target.api_version, "kind": target.kind}
    data = _encoder.encode(result)
    try:
        obj, unknown = read(data, target)
        if coerce is not None:
            unknown += coerce(obj)
    except TypeMismatchError as error:
        _invalid(data, patch, patch_type, _conversion(error) if patch_type == "strategic" else str(error))
    except JsonError as error:
        _invalid(data, patch, patch_type, str(error))
    problems += _in_order(unknown, patch_type, result, target)
    if problems and strict == "Strict":
        _invalid(data, patch, patch_type, strict_error(problems))
    return Decoded(obj, tuple(problems) if strict == "Warn" else ())


def _in_order(unknown: list[str], patch_type: PatchType, result: Any, target: Target) -> list[str]:
    """Return the unknown fields of a result as upstream comes upon them: by name after a strategic patch, else by the keys' names."""
    if len(unknown) <= 1 or target.struct is None:
        return unknown
    return sorted(unknown) if patch_type == "strategic" else read(_sorted_encoder.encode(result), target)[1]


def _read_patch(body: bytes, patch_type: PatchType, strict: Validation) -> tuple[Any, list[str]]:
    """Return the patch and its strict problems."""
    try:
        patch = _plain.decode(body)
        orderly = strict == "Ignore" or not has_duplicates(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        orderly, patch = False, None
    if orderly and patch_type != "json" and isinstance(patch, dict):
        return patch, []
    try:
        tree = parse(body)
        return _json_operations(tree) if patch_type == "json" else _merge_body(tree, patch_type)
    except JsonError as error:
        prefix = "" if patch_type == "strategic" else "error decoding patch: "
        raise BadRequestError(f"{prefix}{error}") from error


def _merge_body(tree: Any, patch_type: PatchType) -> tuple[Any, list[str]]:
    if tree is None:
        if patch_type == "merge":
            raise BadRequestError("Invalid JSON Patch")
        return {}, []
    walker = Walker()
    return walker.fit_custom(tree), list(walker.problems)


_MEMBERS = {"op", "path", "from", "value"}


def _json_operations(tree: Any) -> tuple[list[dict[str, Any]], list[str]]:
    if tree is None:
        return [], []
    if not isinstance(tree, list) or isinstance(tree, Pairs):
        raise TypeMismatchError(json_type(tree), "[]handlers.jsonPatchOp")
    problems: dict[str, None] = {}
    operations = []
    for index, item in enumerate(tree):
        if not isinstance(item, Pairs):
            raise TypeMismatchError(json_type(item), "handlers.jsonPatchOp")
        seen: set[str] = set()
        for key, _ in item:
            if key not in _MEMBERS or key in seen:
                problems.setdefault(f'json patch {"duplicate" if key in seen else "unknown"} field "[{index}].{key}"')
            seen.add(key)
        operations.append(Walker().fit_custom(item))
    return operations, list(problems)


def _refused(error: strategic.StrategicPatchError) -> ApiError:
    if error.malformed:
        return BadRequestError(str(error))
    if str(error) == "lists of lists are not supported":
        return InvalidError(_REJECTED, generic=True)
    return ApiError(str(error), reason="")


def _invalid(data: bytes, patch: Any, patch_type: PatchType, why: str) -> NoReturn:
    causes = Errors()
    causes.invalid("patch", go_text(patch) if patch_type == "strategic" else data.decode(), why)
    raise invalid("", "", "", causes)


_SOURCE_KINDS = {"object": "map", "array": "slice", "number": "int64"}
_RESTORED = {"list": "slice from", "map": "map from", "object": "struct from:"}
_INTEGERS = ("int32", "int64", "uint32")


def _conversion(error: TypeMismatchError) -> str:
    """Tell a type mismatch as the converter from maps to Go structs does, which strategic patches go through."""
    source = "float64" if "." in error.described else _SOURCE_KINDS.get(error.described.partition(" ")[0], error.described)
    if not error.kind:
        return str(TypeMismatchError(error.described, error.go_type))
    if error.kind in _RESTORED:
        return f"cannot restore {_RESTORED[error.kind]} {source}"
    wanted = {"float": "float64", "bytes": "slice"}.get(error.kind, error.kind)
    if (source == "int64" and wanted == "string") or (source == "float64" and wanted in _INTEGERS):
        return f"cannot convert {source} to {wanted}"
    return f"unrecognized type: {wanted}"
