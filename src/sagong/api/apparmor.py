"""AppArmor profiles in annotations, as they were written before there was a field (KEP-24)."""

from __future__ import annotations

from sagong.api.types.core import AppArmorProfile

ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"
_TYPES = {"unconfined": "Unconfined", "runtime/default": "RuntimeDefault"}
_LOCALHOST = "localhost/"
_LONGEST = 4095


def profile_of(said: str) -> AppArmorProfile | None:
    """Return the field that says what an annotation says; None when there is no such profile."""
    if said in _TYPES:
        return AppArmorProfile(type=_TYPES[said])
    name = said.removeprefix(_LOCALHOST)
    return AppArmorProfile(type="Localhost", localhostProfile=name) if name and name != said else None


def is_sound(profile: AppArmorProfile) -> bool:
    """Tell whether the name of a profile that was read from an annotation may stand in the field."""
    name = profile.localhostProfile
    return name is None or (name.strip() == name and len(name) <= _LONGEST)


def warning(key: str, at: str = "metadata.annotations") -> str:
    """Say that an annotation has become a field; `at` is the path of the annotations."""
    return f'{at}[{key}]: deprecated since v1.30; use the "appArmorProfile" field instead'
