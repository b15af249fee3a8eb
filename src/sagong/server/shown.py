"""Objects that are stored nowhere, a Status or a review, as the client wants to read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from sagong.api.types.base import ApiStruct
from sagong.server.messages import JSON, Response
from sagong.server.negotiation import PROTOBUF, YAML, Representation

_encoder = msgspec.json.Encoder()


def shown(obj: ApiStruct | dict[str, Any], chosen: Representation, code: int = 200, headers: Sequence[tuple[str, str]] = ()) -> Response:
    """Answer with a typed object that says its kind, or with a table, which has no protobuf."""
    if chosen.media == PROTOBUF and isinstance(obj, ApiStruct):
        from sagong.api import protobuf  # noqa: PLC0415 - rarely asked for

        return Response(protobuf.encode(obj), code, PROTOBUF, headers)
    body = _encoder.encode(obj)
    if chosen.media == YAML:
        from sagong.api import yaml_encode  # noqa: PLC0415 - rarely asked for

        return Response(yaml_encode.to_yaml(body), code, YAML, headers)
    return Response(msgspec.json.format(body, indent=2) if chosen.pretty else body, code, JSON, headers)
