"""Bytes to objects and back: JSON and YAML, as fast as msgspec when all is well, as exact as upstream when it is not."""

from __future__ import annotations

import functools
import importlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, NoReturn

import msgspec

from sagong.api.errors import BadRequestError
from sagong.api.json_decode import Walker, plain_float
from sagong.api.json_syntax import JsonError, Number, Pairs, go_quote, json_type, member, parse
from sagong.api.protobuf import PROTOBUF, open_envelope
from sagong.api.protobuf_wire import WireError, decode_message
from sagong.api.resources import BUILT_IN, TABLE, Resource
from sagong.api.scalars import scalar_check
from sagong.api.schema import shape_of
from sagong.api.types.base import ApiStruct
from sagong.api.yaml_decode import YamlError, yaml_to_json

Validation = Literal["Ignore", "Warn", "Strict"]
Coerce = Callable[[dict[str, Any]], list[str]]
Object = ApiStruct | dict[str, Any]

JSON = "application/json"
YAML = "application/yaml"
_YAML_TYPES = frozenset({YAML, "application/x-yaml", "text/yaml"})
_SCHEME = "pkg/api/legacyscheme/scheme.go:30"
_SUMMARY = 30


@dataclass(frozen=True, slots=True)
class Decoded:
    """What was read: a Struct, or a dict for custom resources; `warnings` for the client when fields were wrong."""

    obj: Any
    warnings: tuple[str, ...] = ()


class Target(NamedTuple):
    """The kind a body must have. `struct` None: a custom resource. `any_version` accepts every group (DeleteOptions)."""

    group: str
    version: str
    kind: str
    struct: type[ApiStruct] | None
    any_version: bool = False

    @property
    def api_version(self) -> str:
        """`v1` or `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version


_OPTIONS = frozenset({"DeleteOptions", "CreateOptions", "UpdateOptions", "PatchOptions", "ListOptions", "GetOptions"})


def target_of(wanted: Resource | type[ApiStruct]) -> Target:
    """Return what a body must be for a resource, or for a Struct that is no resource (Scale, DeleteOptions, Binding)."""
    if not isinstance(wanted, Resource):
        return _target_of_struct(wanted)
    return _target(wanted.group, wanted.version, wanted.kind, wanted.module)


@functools.cache
def _target(group: str, version: str, kind: str, module: str | None) -> Target:
    struct = getattr(importlib.import_module(f"sagong.api.types.{module}"), kind) if module is not None else None
    return Target(group, version, kind, struct)


@functools.cache
def _target_of_struct(struct: type[ApiStruct]) -> Target:
    module = struct.__module__.rsplit(".", 1)[-1]
    group, version = _modules().get(module, ("", "v1"))
    return Target(group, version, struct.__name__, struct, any_version=struct.__name__ in _OPTIONS)


def decode(
    data: bytes,
    content_type: str = JSON,
    wanted: Resource | type[ApiStruct] | None = None,
    *,
    strict: Validation = "Warn",
    coerce: Coerce | None = None,
) -> Decoded:
    """Read one object; apiVersion and kind are filled in when the body has none.

    `wanted` None takes the kind from the body (it must be built in). `strict` is the request's fieldValidation. `coerce` brings
    the dict of a custom resource in line with its schema, in place, and returns its strict problems.
    Raises BadRequestError with upstream's messages.
    """
    duplicates: list[str] = []
    source = data
    if content_type.partition(";")[0].strip() == PROTOBUF:
        return Decoded(_protobuf(data, wanted))
    if content_type.partition(";")[0].strip() in _YAML_TYPES:
        try:
            data, duplicates = yaml_to_json(data)
        except YamlError as error:
            _unrecognized(wanted, str(error), data)
    if wanted is None:
        wanted = _peek(data, source)
    target = target_of(wanted)
    if not duplicates:
        obj = _fast(data, target, check_duplicates=strict != "Ignore" and data is source)
        if obj is not None:
            return Decoded(obj) if coerce is None else _coerced(obj, target, strict, coerce)
    return _slow(data, source, target, _How(strict, duplicates, coerce))


def _coerced(obj: Any, target: Target, strict: Validation, coerce: Coerce) -> Decoded:
    try:
        problems = coerce(obj)
    except JsonError as error:
        _not_handled(target, target, str(error))
    if strict == "Strict" and problems:
        _not_handled(target, target, strict_error(problems))
    return Decoded(obj, tuple(problems) if strict == "Warn" else ())


def _protobuf(data: bytes, wanted: Resource | type[ApiStruct] | None) -> ApiStruct:
    try:
        envelope = open_envelope(data)
        if wanted is None:
            wanted = _row_of(envelope.api_version, envelope.kind, data)
        target = target_of(wanted)
        actual = _actual(envelope.api_version, envelope.kind, target)
        _check_registered(actual, target)
        obj: Any = decode_message(target.struct or _no_protobuf(target), envelope.raw)
    except (TypeError, ValueError) as error:
        _unrecognized(wanted, str(error), data)
    if actual.api_version != target.api_version and not target.any_version:
        _wrong_version(actual, target)
    obj.apiVersion, obj.kind = target.api_version, target.kind
    return obj  # type: ignore[no-any-return] # a Struct of the target's type


def _no_protobuf(target: Target) -> NoReturn:
    raise WireError(f"object {target.kind} does not implement the protobuf marshalling interface")


def encode(obj: Any) -> bytes:
    """Write a Struct or a dict as JSON; of dicts, apiVersion and kind come first."""
    if type(obj) is dict and "kind" in obj and next(iter(obj)) != "apiVersion":
        obj = {"apiVersion": obj.get("apiVersion", ""), "kind": obj["kind"], **obj}
    return _encoder.encode(obj)


def to_builtins(obj: Any) -> Any:
    """Return an object as plain dicts, lists and scalars, as JSON has them."""
    return _plain.decode(_encoder.encode(obj))


def from_builtins(value: Any, wanted: Resource | type[ApiStruct], *, strict: Validation = "Warn", coerce: Coerce | None = None) -> Decoded:
    """Read the result of a patch: plain dicts and lists, checked as a body is. Raises BadRequestError."""
    return decode(_encoder.encode(value), JSON, wanted, strict=strict, coerce=coerce)


_encoder = msgspec.json.Encoder()
_plain = msgspec.json.Decoder()
_custom_plain = msgspec.json.Decoder(float_hook=plain_float)


class _Head(msgspec.Struct):
    apiVersion: Any = ""
    kind: Any = ""


_head = msgspec.json.Decoder(_Head)


@functools.cache
def _reader(struct: type[ApiStruct]) -> tuple[Callable[[bytes], ApiStruct], Callable[[Any], bool]]:
    check = scalar_check(shape_of(struct))
    return msgspec.json.Decoder(struct).decode, check or (lambda _: True)


def _fast(data: bytes, target: Target, *, check_duplicates: bool) -> Object | None:
    """Decode a body that is in perfect order; None: look closer."""
    try:
        if target.struct is None:
            return _fast_custom(data, target, check_duplicates=check_duplicates)
        read, check = _reader(target.struct)
        obj: Any = read(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if (obj.kind and obj.kind != target.kind) or (obj.apiVersion and obj.apiVersion != target.api_version):
        return None
    if (check_duplicates and has_duplicates(data)) or not check(obj):
        return None
    obj.apiVersion, obj.kind = target.api_version, target.kind
    return obj  # type: ignore[no-any-return] # a Struct of the target's type


def _fast_custom(data: bytes, target: Target, *, check_duplicates: bool) -> Object | None:
    obj = _custom_plain.decode(data)
    if not isinstance(obj, dict) or (check_duplicates and has_duplicates(data)):
        return None
    if obj.get("kind") != target.kind or obj.get("apiVersion") != target.api_version:
        return None
    return obj


def has_duplicates(data: bytes) -> bool:
    """Say whether any object of this valid JSON has a key twice.

    But for space, most JSON comes out of decoding and encoding as it went in: then it has as many members. Where it does not, members
    are counted by `":`, which cannot stand inside a string unescaped: as many after as before means no duplicates, at half the
    price of looking at every key.
    """
    again = _encoder.encode(_plain.decode(data))
    if again == data or again.translate(None, _SPACE) == data.translate(None, _SPACE):
        return False
    if any(map(data.__contains__, _ODD)):
        return _has_duplicates_slow(data)
    return data.count(b'":') - data.count(b'\\":') != again.count(b'":') - again.count(b'\\":')


_SPACE = b" \n\t\r"
_ODD = (b'" :', b'"\n:', b'"\t:', b'"\r:', b'\\\\":')


def _has_duplicates_slow(data: bytes) -> bool:
    found = False

    def members(pairs: list[tuple[str, Any]]) -> None:
        nonlocal found
        found = found or len(dict(pairs)) != len(pairs)

    json.loads(data, object_pairs_hook=members, parse_int=str)
    return found


class _How(NamedTuple):
    """How a body is read: the validation asked for, the duplicates found in YAML, and what a custom resource has to fit."""

    strict: Validation
    duplicates: list[str]
    coerce: Coerce | None


def _slow(data: bytes, source: bytes, target: Target, how: _How) -> Decoded:
    strict, duplicates, coerce = how
    try:
        tree = parse(data)
        api_version, kind = _interpret(tree)
    except JsonError as error:
        _unrecognized(target, f"couldn't get version/kind; json parse error: {error}", source)
    if api_version.count("/") > 1:
        _unrecognized(target, f"unexpected GroupVersion string: {api_version}", source)
    actual = _actual(api_version, kind, target)
    try:
        obj, problems = _fit(tree, actual, target, source)
        if coerce is not None and actual.api_version == target.api_version:
            problems += coerce(obj)
    except JsonError as error:
        _not_handled(actual, target, str(error))
    yaml_error = ["yaml: unmarshal errors:\n" + "\n".join(f"  {line}" for line in duplicates)] if duplicates else []
    if strict == "Strict" and (yaml_error or problems):
        _not_handled(actual, target, strict_error(yaml_error + problems))
    if actual.api_version != target.api_version and not target.any_version:
        _wrong_version(actual, target)
    return Decoded(obj, (*duplicates, *problems) if strict == "Warn" else ())


def read(data: bytes, target: Target) -> tuple[Any, list[str]]:
    """Read JSON that was made here, as from a patch; return the object and its strict problems. Raises JsonError."""
    obj = _fast(data, target, check_duplicates=False)
    if obj is not None:
        return obj, []
    tree = parse(data)
    return _fit(tree, _actual(*_interpret(tree), target), target, data)


def strict_error(problems: Iterable[str]) -> str:
    """Return the one text for all of them."""
    return f"strict decoding error: {', '.join(problems)}"


def _fit(tree: Any, actual: Target, target: Target, source: bytes) -> tuple[Any, list[str]]:
    walker = Walker()
    try:
        if target.struct is None:
            return _custom(walker.fit_custom(tree), source), list(walker.problems)
        _check_registered(actual, target)
        obj: Any = _reader(target.struct)[0](_encoder.encode(walker.fit(tree, shape_of(target.struct))))
    except msgspec.ValidationError as error:  # the walker and the Structs disagree: still the client's data
        raise JsonError(str(error)) from error
    except RecursionError:
        raise JsonError("exceeded max depth") from None
    obj.apiVersion, obj.kind = target.api_version, target.kind
    return obj, list(walker.problems)


def _interpret(tree: Any) -> tuple[str, str]:
    if not isinstance(tree, Pairs):
        if tree is None:
            return "", ""
        described = json_type(tree)
        go_struct = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
        raise JsonError(f"json: cannot unmarshal {described} into Go value of type {go_struct}")
    found = []
    for name in ("apiVersion", "kind"):
        value = member(tree, name)
        if value is not None and (isinstance(value, Number) or not isinstance(value, str)):
            raise JsonError(f"json: cannot unmarshal {json_type(value)} into Go struct field .{name} of type string")
        found.append(value or "")
    return found[0], found[1]


def _actual(api_version: str, kind: str, target: Target) -> Target:
    group, _, version = api_version.rpartition("/")
    if not api_version:
        group, version = target.group, target.version
    return target._replace(group=group, version=version, kind=kind or target.kind)


def _check_registered(actual: Target, target: Target) -> None:
    if (actual.group, actual.version, actual.kind) == (target.group, target.version, target.kind):
        return
    if actual.kind == target.kind and target.any_version:
        return
    if not _is_registered(actual):
        raise JsonError(f'no kind {go_quote(actual.kind)} is registered for version "{actual.api_version}" in scheme "{_SCHEME}"')
    if actual.kind != target.kind:
        internal = f"{target.group.partition('.')[0] or 'core'}.{target.kind}"
        raise JsonError(f"converting ({actual.version}.{actual.kind}) to ({internal}): unknown conversion")


@functools.cache
def _modules() -> dict[str, tuple[str, str]]:
    return {"admission": ("admission.k8s.io", "v1"), **{row.module: (row.group, row.version) for row in BUILT_IN if row.module}}


def _is_registered(target: Target) -> bool:
    for module, row in _modules().items():
        if row == (target.group, target.version):
            found = getattr(importlib.import_module(f"sagong.api.types.{module}"), target.kind, None)
            return isinstance(found, type) and "kind" in getattr(found, "__struct_fields__", ())
    return False


def _custom(obj: dict[str, Any], source: bytes) -> dict[str, Any]:
    if not obj.get("kind"):
        raise JsonError(f"Object 'Kind' is missing in '{source.decode(errors='replace')}'")
    if not obj.get("apiVersion"):
        raise JsonError(f"Object 'apiVersion' is missing in '{source.decode(errors='replace')}'")
    return obj


def _peek(data: bytes, source: bytes) -> Resource:
    try:
        head = _head.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequestError(f"couldn't get version/kind; json parse error: {_reason(data, error)}") from error
    return _row_of(str(head.apiVersion or ""), str(head.kind or ""), source)


def _row_of(api_version: str, kind: str, source: bytes) -> Resource:
    if not kind or not api_version:
        missing = "apiVersion" if kind else "Kind"
        raise BadRequestError(f"Object '{missing}' is missing in '{source.decode(errors='replace')}'")
    row = TABLE.by_kind(api_version, kind)
    if row is None:
        raise BadRequestError(f'no kind {go_quote(kind)} is registered for version "{api_version}" in scheme "{_SCHEME}"')
    return row


def _reason(data: bytes, error: Exception) -> str:
    try:
        _interpret(parse(data))
    except JsonError as exact:
        return str(exact)
    return str(error)


def _wrong_version(actual: Target, target: Target) -> NoReturn:
    expected = target.api_version
    raise BadRequestError(f"the API version in the data ({actual.api_version}) does not match the expected API version ({expected})")


def _not_handled(actual: Target, target: Target, why: str) -> NoReturn:
    raise BadRequestError(f'{actual.kind} in version "{actual.version}" cannot be handled as a {target.kind}: {why}')


def _unrecognized(wanted: Resource | type[ApiStruct] | Target | None, why: str, data: bytes) -> NoReturn:
    if wanted is None:
        raise BadRequestError(why)
    target = wanted if isinstance(wanted, Target) else target_of(wanted)
    raise BadRequestError(f"the object provided is unrecognized (must be of type {target.kind}): {why} ({_summary(data)})")


def _summary(data: bytes) -> str:
    if not data:
        return "<empty>"
    shown = data[:_SUMMARY]
    text = shown.decode(errors="replace") if data.startswith(b"{") else shown.hex()
    return f"{text} ..." if len(data) > _SUMMARY else text
