"""Specs in which nothing was wrong: what pods of one template have in common is looked at once."""

from __future__ import annotations

import re
from collections import OrderedDict

import msgspec

from sagong.api.types import core

MOST, LONGEST = 64, 8192
_TOKEN_VOLUME = re.compile("kube-api-access-[a-z0-9]{5}")
"""The volume that admission gives each pod, under a name of its own."""

_encode = msgspec.json.Encoder().encode
_sound: OrderedDict[bytes, None] = OrderedDict()


def text_of(spec: core.PodSpec, *, in_pod: bool) -> bytes:
    """Return what a pod's spec has in common with others of its template; empty where the pod's own name counts.

    That of a template is another text: there, other rules hold.
    """
    own = [volume.name for volume in spec.volumes if _TOKEN_VOLUME.fullmatch(volume.name)]
    if len(own) > 1 or spec.resourceClaims or any(volume.ephemeral is not None for volume in spec.volumes):
        return b""
    text = _encode(spec)
    if not in_pod:
        return b"\0" + text  # no JSON has a NUL
    return text.replace(f'"{own[0]}"'.encode(), b'"\0"') if own else text


def is_sound(text: bytes) -> bool:
    """Say whether nothing was wrong with such a spec lately."""
    if text not in _sound:
        return False
    _sound.move_to_end(text)
    return True


def remember(text: bytes) -> None:
    """Remember that nothing is wrong with such a spec."""
    if text and len(text) <= LONGEST:
        _sound[text] = None
        if len(_sound) > MOST:
            _sound.popitem(last=False)


def forget() -> None:
    """Forget all."""
    _sound.clear()
