"""Settings of a process as flags: named as on upstream's command lines, with values as Go writes those of its flags."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_")


def flags(settings: Struct | Mapping[str, object], names: Mapping[str, str]) -> dict[str, str]:
    """Return the flags of settings, those of settings inside them included.

    `names` has those that are not the field's own in kebab case, by the path of the field (`oidc.issuer_url`); "" leaves a field
    out, with all that is in it. What is None leaves itself out.
    """
    return dict(_named(_fields(settings), names, ""))


def _named(fields: Iterable[tuple[str, object]], names: Mapping[str, str], within: str) -> Iterator[tuple[str, str]]:
    for field, value in fields:
        path = f"{within}{field}"
        name = names.get(path, _WORDS.sub("-", field).lower())
        if value is None or not name:
            continue
        if isinstance(value, Struct):
            yield from _named(_fields(value), names, f"{path}.")
        else:
            yield name, text(value)


def _fields(settings: Struct | Mapping[str, object]) -> Iterable[tuple[str, object]]:
    if isinstance(settings, Struct):
        return ((name, getattr(settings, name)) for name in settings.__struct_fields__)
    return settings.items()


def text(value: object) -> str:
    """Return `true`, `[a,b]`, `a=1,b=2`, and what else there is as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return ",".join(f"{key}={value[key]}" for key in sorted(value))
    if isinstance(value, list | tuple):
        return f"[{','.join(map(str, value))}]"
    return str(value)
