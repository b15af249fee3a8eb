"""Field management for the request pipeline: objects as it has them, Structs or dicts with their metadata.managedFields."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from sagong.api.codec import Decoded, Validation, read, target_of, to_builtins
from sagong.api.errors import ApiError, BadRequestError
from sagong.api.fields import managers as managing
from sagong.api.fields.field_set import FieldsError
from sagong.api.fields.manager import FieldManager, described
from sagong.api.fields.managers import Managers
from sagong.api.fields.walk import ItemError, equal
from sagong.api.json_syntax import JsonError
from sagong.api.resources import Resource
from sagong.api.schema import Shape
from sagong.api.types.base import ApiStruct
from sagong.api.types.meta import ManagedFieldsEntry
from sagong.api.yaml_decode import YamlError, yaml_to_json

_encoder = msgspec.json.Encoder()
_plain = msgspec.json.Decoder()


def track_update(manager: FieldManager, live: Any | None, new: Any, name: str, now: datetime) -> None:
    """Bring `new`'s managedFields up to date after a create, update or patch by `name`. `live` None: a creation.

    Never fails: managers that cannot be read are forgotten, as upstream does.
    """
    if live is None and isinstance(new, ApiStruct) and not entries_of(new):
        set_entries(new, _created(manager, new, name, now))
        return
    sent, known = entries_of(new), entries_of(live) if live is not None else []
    before, after = _compared(manager, live, new)
    if live is not None and equal(before, after, manager.shape) and (sent == known or not sent or manager.subresource):
        set_entries(new, known)
        return
    managers = _managers(sent, known, subresource=bool(manager.subresource))
    tracked = managers or live is None or not _uid(live)
    try:
        set_entries(new, managing.encode(manager.update(before, after, managers, name, now)) if tracked else [])
    except (ItemError, RecursionError):  # lists that lost their keys to a new schema; nesting beyond reason
        set_entries(new, [])


def apply_body(
    manager: FieldManager,
    resource: Resource | type[ApiStruct],
    live: Any | None,
    body: bytes,
    name: str,
    *,
    force: bool,
    now: datetime,
    strict: Validation = "Warn",
) -> Decoded:
    """Apply a configuration in YAML or JSON to the live object (None: a creation).

    Returns the new object with its managedFields, not yet defaulted; equal to `live` when nothing changes.
    Raises ApplyConflictError, BadRequestError, ApiError.
    """
    config, duplicates = _read_config(body)
    before = _bare(live) if live is not None else manager.empty()
    try:
        managers = managing.decode(entries_of(live) if live is not None else [])
    except FieldsError as error:
        raise ApiError(f"failed to decode managed fields: {error}", reason="") from error
    try:
        result, owners = manager.apply(before, config, managers, name, force=force, now=now)
    except RecursionError:
        raise BadRequestError("exceeded max depth") from None
    if duplicates and strict == "Strict":
        lines = "".join(f"\n  {line}" for line in duplicates)
        raise BadRequestError(f"error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:{lines}")
    target = target_of(resource)
    try:
        obj, _ = read(_encoder.encode({**result, "apiVersion": target.api_version, "kind": target.kind}), target)
    except JsonError as error:
        shown = described(config)
        kind = shown.partition("; ")[2]
        where = f"failed to convert new object ({shown}) to proper version: unable to convert unstructured object to {kind}"
        raise ApiError(f"{where}: {error}", reason="") from error
    set_entries(obj, managing.encode(owners))
    return Decoded(obj, tuple(duplicates) if strict == "Warn" else ())


def entries_of(obj: Any) -> list[ManagedFieldsEntry]:
    """Return metadata.managedFields of a Struct or a dict."""
    if isinstance(obj, ApiStruct):
        found: list[ManagedFieldsEntry] = obj.metadata.managedFields  # type: ignore[attr-defined] # all resources have metadata
        return found
    raw = (obj.get("metadata") or {}).get("managedFields") or []
    try:
        return _entries.decode(_encoder.encode(raw))
    except msgspec.ValidationError:
        return []


_entries = msgspec.json.Decoder(list[ManagedFieldsEntry])


def set_entries(obj: Any, entries: list[ManagedFieldsEntry]) -> None:
    """Set metadata.managedFields of a Struct or a dict; an empty list takes it away."""
    if isinstance(obj, ApiStruct):
        obj.metadata.managedFields = entries  # type: ignore[attr-defined] # all resources have metadata
    elif entries:
        obj.setdefault("metadata", {})["managedFields"] = to_builtins(entries)
    else:
        (obj.get("metadata") or {}).pop("managedFields", None)


def _created(manager: FieldManager, new: ApiStruct, name: str, now: datetime) -> list[ManagedFieldsEntry]:
    """Return the entries of a new object. Those of one template differ by what decides nothing here: name, time, what labels say."""
    text = _template_of(new)
    key = manager.api_version, manager.kind, manager.subresource, name, text
    known = _templates.get(key)
    if known is None:
        try:
            known = managing.encode(manager.update(manager.empty(), _bare(new), {}, name, now))
        except (ItemError, RecursionError):
            known = []
        if len(text) <= _LONGEST_TEMPLATE:
            _templates[key] = known
            if len(_templates) > _MOST_TEMPLATES:
                _templates.popitem(last=False)
    else:
        _templates.move_to_end(key)
    time = managing.stamp(now)
    return [msgspec.structs.replace(entry, time=time) for entry in known]


_MOST_TEMPLATES, _LONGEST_TEMPLATE = 64, 8192
_templates: OrderedDict[tuple[str | bytes, ...], list[ManagedFieldsEntry]] = OrderedDict()


def _template_of(obj: ApiStruct) -> bytes:
    metadata = obj.metadata  # type: ignore[attr-defined] # all resources have metadata
    name, labels, annotations = metadata.name, metadata.labels, metadata.annotations
    metadata.name, metadata.labels, metadata.annotations = "", dict.fromkeys(labels, ""), dict.fromkeys(annotations, "")
    try:
        return _encoder.encode(obj)
    finally:
        metadata.name, metadata.labels, metadata.annotations = name, labels, annotations


def _compared(manager: FieldManager, live: Any | None, new: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is to be compared, as plain dicts: of two Structs only what differs, which is little when a status is written."""
    if live is None:
        return manager.empty(), _bare(new)
    kind = type(new)
    if manager.versions or manager.shape.struct is not kind or type(live) is not kind:
        return _bare(live), _bare(new)
    empty = _empty_of(manager.shape)
    old_meta, new_meta = live.metadata, new.metadata  # type: ignore[attr-defined] # all resources have metadata
    known, sent = old_meta.managedFields, new_meta.managedFields
    old_meta.managedFields, new_meta.managedFields = [], []
    try:
        same = {name: value for name, value in empty.items() if getattr(live, name) == getattr(new, name)}
        return _plainly(msgspec.structs.replace(live, **same)), _plainly(msgspec.structs.replace(new, **same))
    finally:
        old_meta.managedFields, new_meta.managedFields = known, sent


@functools.cache
def _empty_of(shape: Shape) -> dict[str, Any]:
    """Return the fields of an empty Struct, by attribute, without those where Python calls equal what JSON tells apart."""
    kind = shape.struct
    assert kind is not None
    names = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
    empty = kind()
    return {name: getattr(empty, name) for name, encoded in names if encoded in shape.fields and not shape.fields[encoded].shape.loose}


def _plainly(obj: ApiStruct) -> dict[str, Any]:
    plain: dict[str, Any] = _plain.decode(_encoder.encode(obj))
    return plain


def _bare(obj: Any) -> dict[str, Any]:
    """Return an object as plain dicts, without its managedFields."""
    if isinstance(obj, ApiStruct):
        metadata = obj.metadata  # type: ignore[attr-defined] # all resources have metadata
        entries, metadata.managedFields = metadata.managedFields, []
        try:
            return _plainly(obj)
        finally:
            metadata.managedFields = entries
    metadata = obj.get("metadata") or {}
    return {**obj, "metadata": {key: value for key, value in metadata.items() if key != "managedFields"}}


def _uid(obj: Any) -> str:
    return str(obj.metadata.uid if isinstance(obj, ApiStruct) else (obj.get("metadata") or {}).get("uid", ""))  # type: ignore[attr-defined] # all resources have metadata


def _managers(sent: Sequence[ManagedFieldsEntry], known: Sequence[ManagedFieldsEntry], *, subresource: bool) -> Managers:
    """Return the managers before the write: a client may change them, but not through a subresource."""
    if not subresource and managing.is_reset(sent):
        return {}
    managers: Managers = {}
    for entries in (known,) if subresource else (sent, known):
        try:
            managers = managing.decode(entries)
        except FieldsError:
            managers = {}
        if managers:
            break
    return managers


def _read_config(body: bytes) -> tuple[dict[str, Any], list[str]]:
    try:
        data, duplicates = yaml_to_json(body)
    except YamlError as error:
        raise BadRequestError(f"error decoding YAML: error converting YAML to JSON: {error}") from error
    config = _plain.decode(data)
    if config is None:
        return {}, duplicates
    if not isinstance(config, dict):
        described = {list: "array", str: "string", bool: "bool"}.get(type(config), "number")
        where = "error decoding YAML: error unmarshaling JSON: while decoding JSON"
        raise BadRequestError(f"{where}: json: cannot unmarshal {described} into Go value of type map[string]interface {{}}")
    return config, duplicates
