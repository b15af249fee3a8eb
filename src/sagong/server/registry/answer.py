"""Answers that are no stored object: reviews, scales, a plain success."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sagong.api import codec
from sagong.api.types.base import ApiStruct
from sagong.api.types.meta import PartialObjectMetadata
from sagong.server import status
from sagong.server.exchange import Exchange
from sagong.server.messages import Response
from sagong.server.negotiation import body_media, of_status, representation, representation_of
from sagong.server.shown import shown


def typed(exchange: Exchange, obj: ApiStruct, code: int = 200) -> Response:
    """Answer with a typed object, its kind filled in."""
    target = codec.target_of(type(obj))
    whole: Any = obj
    whole.apiVersion, whole.kind = target.api_version, target.kind
    return shown(whole, representation(exchange.request, targets=False), code)


def viewed(exchange: Exchange, obj: Any, now: datetime) -> Response:
    """Answer with a typed object of a subresource, its kind filled in; as a table or as metadata where that is asked for."""
    chosen = representation_of(exchange.request, custom=False)
    if chosen.target not in ("Table", "PartialObjectMetadata"):
        return typed(exchange, obj)
    version = f"meta.k8s.io/{chosen.target_version}"
    partial = PartialObjectMetadata(apiVersion=version, kind="PartialObjectMetadata", metadata=obj.metadata)
    if chosen.target == "PartialObjectMetadata":
        return shown(partial, chosen)
    from sagong.api import printers  # noqa: PLC0415 - not needed before the first Table

    row = {"cells": printers.row(obj, now), "object": partial}
    metadata = {"resourceVersion": obj.metadata.resourceVersion}
    columns = printers.columns_of(type(obj))
    return shown({"kind": "Table", "apiVersion": version, "metadata": metadata, "columnDefinitions": columns, "rows": [row]}, chosen)


def succeeded(exchange: Exchange, code: int = 201) -> Response:
    """Answer with a Status that says only Success."""
    return shown(status.success(code=code), of_status(exchange.request), code)


def read(exchange: Exchange, kind: type[ApiStruct]) -> Any:
    """Decode a body of a kind that is no resource of its own. Raises BadRequestError."""
    request = exchange.request
    strict: Any = request.param("fieldValidation") or "Warn"
    decoded = codec.decode(request.body, body_media(request), kind, strict=strict)
    exchange.warnings += decoded.warnings
    return decoded.obj
