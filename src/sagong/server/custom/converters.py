"""The converter that a definition asks for; the webhook's side of it (ConversionReview v1 and v1beta1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from sagong.api.clock import Random
from sagong.api.errors import ApiError
from sagong.api.field_errors import Errors, quote, text
from sagong.api.types.apiextensions import CustomResourceDefinition, WebhookConversion
from sagong.api.validation.metadata import annotation_map, labels
from sagong.server.custom.conversion import Converter, Json, NoConverter
from sagong.server.registry.registry import Registry
from sagong.server.webhooks.client import CallError, EndpointError, WebhookClient

SECONDS = 30
_GROUP = "apiextensions.k8s.io"
_SPOKEN = ("v1", "v1beta1")
_KEPT = ("name", "namespace", "uid")
_GO_TYPES = {bool: "bool", int: "int64", float: "float64", str: "string", list: "[]interface {}"}


def converter_of(definition: CustomResourceDefinition, registry: Registry) -> Converter:
    """Return the converter."""
    conversion = definition.spec.conversion
    if conversion is None or conversion.strategy != "Webhook" or conversion.webhook is None:
        return NoConverter()
    return WebhookConverter(conversion.webhook, registry.webhooks, registry.random)


class _Refused(Exception):  # noqa: N818 - it ends up in an ApiError
    """The webhook did not convert; the message says what it did instead."""


@dataclass(frozen=True, slots=True)
class WebhookConverter:
    """Strategy Webhook: asks a service, and holds it to what it may change."""

    config: WebhookConversion
    client: WebhookClient | None
    random: Random

    @property
    def is_plain(self) -> bool:
        """Whether only the apiVersion changes: who knows."""
        return False

    async def convert(self, objects: Sequence[Json], api_version: str) -> list[Json]:
        """Return the objects in another version. Raises ApiError that says what the webhook did wrong."""
        if not objects:
            return []
        try:
            converted = await self._ask(objects, api_version)
        except (CallError, EndpointError, ApiError) as error:
            raise _failed(objects[0], f"failed: {error}") from error
        if len(converted) != len(objects):
            raise _failed(objects[0], f"returned {len(converted)} objects, expected {len(objects)}")
        return [_accepted(before, after, api_version, index) for index, (before, after) in enumerate(zip(objects, converted, strict=True))]

    async def _ask(self, objects: Sequence[Json], api_version: str) -> list[Any]:
        version = next((name for name in self.config.conversionReviewVersions if name in _SPOKEN), "")
        if not version or self.client is None or self.config.clientConfig is None:
            raise CallError("no supported conversion review versions")
        uid = self.random.uid()
        review = {
            "kind": "ConversionReview",
            "apiVersion": f"{_GROUP}/{version}",
            "request": {"uid": uid, "desiredAPIVersion": api_version, "objects": objects},
        }
        endpoint = self.client.endpoint(self.config.clientConfig)
        return _answered(await self.client.review(endpoint, review, SECONDS), version, uid)


def _answered(body: bytes, version: str, uid: str) -> list[Any]:
    """Return the objects of an answer. Raises CallError when it is none, or no success."""
    try:
        answer = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise CallError(f"couldn't get version/kind; json parse error: {error}") from error
    answer = answer if isinstance(answer, dict) else {}
    said = answer.get("apiVersion", ""), answer.get("kind", "")
    if version == "v1" and said != (f"{_GROUP}/v1", "ConversionReview"):
        raise CallError(f"expected webhook response of {_GROUP}/v1, Kind=ConversionReview, got {said[0] or '/'}, Kind={said[1]}")
    response = answer.get("response")
    if not isinstance(response, dict):
        raise CallError("no response provided")
    if version == "v1" and response.get("uid", "") != uid:
        raise CallError(f"expected response.uid={quote(uid)}, got {quote(str(response.get('uid', '')))}")
    result = response.get("result") or {}
    if result.get("status") != "Success":
        raise CallError(result.get("message") or f"response.result.status was '{result.get('status', '')}', not 'Success'")
    return response.get("convertedObjects") or []


def _failed(obj: Json, what: str) -> ApiError:
    kind = f"{obj.get('apiVersion', '')}, Kind={obj.get('kind', '')}"
    return ApiError(f"conversion webhook for {kind} {what}", reason="")


def _accepted(before: Json, after: Any, api_version: str, index: int) -> Json:
    """Return a converted object with the metadata that it had, but for labels and annotations. Raises ApiError."""
    try:
        return _checked(before, after, api_version)
    except _Refused as error:
        raise _failed(before, f"returned invalid converted object at index {index}: {error}") from error


def _checked(before: Json, after: Any, api_version: str) -> Json:
    if not isinstance(after, dict):
        raise _Refused(f"Object 'Kind' is missing in '{msgspec.json.encode(after).decode()}'")
    if after.get("apiVersion") != api_version:
        raise _Refused(f"invalid groupVersion (expected {api_version}, received {after.get('apiVersion', '')})")
    if after.get("kind") != before.get("kind"):
        raise _Refused(f"invalid kind (expected {before.get('kind')}, received {after.get('kind', '')})")
    meta, own = after.get("metadata"), before.get("metadata") or {}
    if meta is None:
        raise _Refused("missing metadata in converted object")
    if not isinstance(meta, dict):
        raise _Refused(f"invalid metadata of type {_GO_TYPES.get(type(meta), '')} in converted object")
    for name in _KEPT:
        if meta.get(name, "") != own.get(name, ""):
            shown = "UID" if name == "uid" else name
            raise _Refused(f"must have the same {shown}: {own.get(name, '')} != {meta.get(name, '')}")
    restored = {name: value for name, value in own.items() if name not in ("labels", "annotations")}
    for name in ("labels", "annotations"):
        if meta.get(name) is not None:
            restored[name] = _strings(name, meta[name], own.get(name) or {})
    return {**after, "metadata": restored}


def _strings(name: str, found: Any, before: Json) -> Json:
    if not isinstance(found, dict):
        raise _Refused(f"invalid metadata.{name} of type {_GO_TYPES.get(type(found), '')} in converted object")
    for key, value in found.items():
        if not isinstance(value, str):
            raise _Refused(f"metadata.{name}[{key}] must be a string, but is {_GO_TYPES.get(type(value), '<nil>')} in converted object")
    if found != before:
        errors = Errors()
        if name == "labels":
            labels(errors, "metadata.labels", found)
        else:
            annotation_map(errors, "metadata.annotation", found)
        if errors:
            raise _Refused(text(errors))
    return found
