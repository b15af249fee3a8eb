"""patch: JSON, merge, strategic merge and apply patches. Without a resourceVersion in it, a patch is tried until it goes through."""

from __future__ import annotations

from typing import Any

from sagong.api.errors import UnsupportedMediaTypeError, invalid
from sagong.api.field_errors import Errors
from sagong.api.patch import CONTENT_TYPES, patch_object
from sagong.api.resources import Resource
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer
from sagong.server.registry import versions
from sagong.server.registry.body import check_name, finish, note_empty, write_call
from sagong.server.registry.kept import kept_by_patch, with_kept, without_kept
from sagong.server.registry.registry import Registry
from sagong.server.registry.storage import from_dict, to_dict
from sagong.server.registry.write import update_object
from sagong.store.base import Entry

APPLY = ("application/apply-patch+yaml", "application/apply-patch+cbor")


async def patch(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Change one object by a patch, or apply a configuration to it."""
    request = exchange.request
    media = request.header("content-type").partition(";")[0].strip()
    call = write_call(exchange, "PatchOptions", from_agent=media != APPLY[0])
    note_empty(exchange, row, call)
    if media == APPLY[0]:
        from sagong.server.registry.apply import apply  # noqa: PLC0415 - brings in the machinery of field sets

        return await apply(registry, exchange, row, call)
    patch_type = CONTENT_TYPES.get(media)
    if patch_type is None or (patch_type == "strategic" and row.module is None):
        raise unsupported(row)
    if request.flag("force"):
        errors = Errors()
        errors.forbidden("force", "may not be specified for non-apply patch")
        raise invalid("meta.k8s.io", "PatchOptions", "", errors)
    strict: Any = request.param("fieldValidation") or "Warn"
    coerce = row.extra.coerce if row.module is None else None

    def transform(old: Any, entry: Entry | None) -> Any:
        if old is None or entry is None:  # of a kind that PUT and apply may create
            raise registry.missing(row, call.name)
        kept = kept_by_patch(row, call.subresource, request.body) if patch_type != "json" else ()
        original = to_dict(without_kept(old, kept) if kept else versions.to_served(row, old))
        decoded = patch_object(original, request.body, patch_type, row, strict=strict, coerce=coerce)
        call.warnings += (warning for warning in decoded.warnings if warning not in call.warnings)
        obj = from_dict(decoded.obj) if row.module is None else decoded.obj
        if not kept:
            obj = finish(row, obj)
        elif call.subresource:
            obj = with_kept(kept, old, finish(row, obj, kept))
        else:  # not the old one's own parts: these may be changed before the old one is compared
            source = registry.storage.decode(row, entry.value, entry.revision)
            # labels that are missing may follow from the rest
            obj = (
                with_kept(kept, source, finish(row, obj, kept)) if obj.metadata.labels else finish(row, with_kept(kept, source, obj), kept)
            )
        check_name(obj.metadata, call.name)
        return obj

    written = await update_object(registry, row, call, transform)
    return registry.answer(exchange, row, written.value, written.revision, 201 if written.created else 200)


def unsupported(row: Resource) -> UnsupportedMediaTypeError:
    """Return the error for a patch of a type that there is not for this kind."""
    if row.module is None:
        accepted = "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
        return UnsupportedMediaTypeError(f"the body of the request was in an unknown format - accepted media types include: {accepted}")
    return UnsupportedMediaTypeError("415: Unsupported Media Type", generic=True)
