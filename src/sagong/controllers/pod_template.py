"""Pods from templates: the pod that a controller creates, and the hash that tells one template from another."""

from __future__ import annotations

from typing import Any

import msgspec

from sagong.api.clock import SUFFIX_ALPHABET
from sagong.api.types.core import Pod, PodTemplateSpec
from sagong.api.types.meta import ObjectMeta
from sagong.controllers.ownership import controller_reference

FNV_OFFSET, FNV_PRIME, UINT32 = 0x811C9DC5, 0x01000193, 0xFFFFFFFF
MAX_PREFIX = 253
_encode = msgspec.json.Encoder(order="deterministic").encode


def pod_from_template(template: PodTemplateSpec, owner: Any) -> Pod:
    """Return the pod to create for `owner`; the server completes its name."""
    copy = template.copy()
    prefix = f"{owner.metadata.name}-"
    return Pod(
        metadata=ObjectMeta(
            generateName=prefix if len(prefix) <= MAX_PREFIX else owner.metadata.name,
            namespace=owner.metadata.namespace,
            labels=copy.metadata.labels,
            annotations=copy.metadata.annotations,
            finalizers=copy.metadata.finalizers,
            ownerReferences=[controller_reference(owner)],
        ),
        spec=copy.spec,
    )


def template_hash(template: Any, collisions: int | None = None) -> str:
    """Return a hash of a template (or any Struct) for a name: FNV-1a of 32 bits, in the alphabet of generated names."""
    return safe_name(fnv32a(_encode(template) + (collisions.to_bytes(8, "little") if collisions is not None else b"")))


def fnv32a(data: bytes) -> int:
    """Return the FNV-1a hash (RFC 9923)."""
    value = FNV_OFFSET
    for byte in data:
        value = ((value ^ byte) * FNV_PRIME) & UINT32
    return value


def safe_name(number: int) -> str:
    """Spell a number without vowels, as upstream's rand.SafeEncodeString does."""
    return "".join(SUFFIX_ALPHABET[ord(digit) % len(SUFFIX_ALPHABET)] for digit in str(number))
