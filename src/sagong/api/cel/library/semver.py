"""Versions by semver.org: `semver("1.2.3").isLessThan(semver("2.0.0"))`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from sagong.api.cel import types
from sagong.api.cel.declarations import Functions
from sagong.api.cel.errors import EvaluationError
from sagong.api.cel.values import Host

SEMVER = Functions()
_SEMVER = SEMVER.type("Semver", types.struct("kubernetes.Semver"))
_PARTS = 3
_IDENTIFIER = re.compile("[0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class Version(Host):
    """A version. `before` holds the identifiers of a pre-release."""

    cel_type: ClassVar = _SEMVER
    flat_equality: ClassVar = True
    numbers: tuple[int, ...]
    before: tuple[str, ...]
    build: tuple[str, ...]

    def equals(self, other: object) -> bool:
        """Compare without the build."""
        return isinstance(other, Version) and _compare(self, other) == 0

    def __str__(self) -> str:
        text = ".".join(map(str, self.numbers))
        return text + (f"-{'.'.join(self.before)}" if self.before else "") + (f"+{'.'.join(self.build)}" if self.build else "")


def _parse(text: str, normalize: bool = False) -> Version:  # noqa: FBT001, FBT002 - the function's second argument
    if normalize:
        text = _normalized(text)
    if not text:
        raise EvaluationError("Version string empty")
    parts = text.split(".", 2)
    if len(parts) != _PARTS:
        raise EvaluationError("No Major.Minor.Patch elements found")
    rest, _, build = parts[2].partition("+")
    patch, dash, before = rest.partition("-")
    numbers = tuple(_number(part, name) for part, name in zip((*parts[:2], patch), ("major", "minor", "patch"), strict=True))
    return Version(numbers, _identifiers(before, dash), _identifiers(build, "+" if "+" in parts[2] else "", prerelease=False))


def _number(part: str, name: str) -> int:
    if not part.isascii() or not part.isdigit():
        raise EvaluationError(f'Invalid character(s) found in {name} number "{part}"')
    if len(part) > 1 and part[0] == "0":
        raise EvaluationError(f'{name.capitalize()} number must not contain leading zeroes "{part}"')
    return int(part)


def _identifiers(text: str, present: str, *, prerelease: bool = True) -> tuple[str, ...]:
    if not present:
        return ()
    parts = text.split(".")
    for part in parts:
        if not part:
            raise EvaluationError("Prerelease is empty" if prerelease else "Build meta data is empty")
        if not _IDENTIFIER.fullmatch(part):
            kind = "prerelease" if prerelease else "build meta data"
            raise EvaluationError(f'Invalid character(s) found in {kind} "{part}"')
        if prerelease and part.isdigit() and len(part) > 1 and part[0] == "0":
            raise EvaluationError(f'Numeric PreRelease version must not contain leading zeroes "{part}"')
    return tuple(parts)


def _normalized(text: str) -> str:
    parts = text.removeprefix("v").split(".", 2)
    for at, part in enumerate(parts):
        if len(part) > 1:
            stripped = part.lstrip("0")
            parts[at] = stripped if stripped[:1].isdigit() else f"0{stripped}"
    if len(parts) < _PARTS:
        if any(mark in parts[-1] for mark in "+-"):
            raise EvaluationError("short version cannot contain PreRelease/Build meta data")
        parts += ["0"] * (_PARTS - len(parts))
    return ".".join(parts)


def _is_one(text: str, normalize: bool = False) -> bool:  # noqa: FBT001, FBT002 - the function's second argument
    try:
        _parse(text, normalize)
    except EvaluationError:
        return False
    return True


def _rank(version: Version) -> tuple[object, ...]:
    """Order by number, then a release after its pre-releases, whose numeric identifiers come before words."""
    identifiers = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in version.before)
    return version.numbers, not version.before, identifiers


def _compare(left: Version, right: Version) -> int:
    mine, theirs = _rank(left), _rank(right)
    return -1 if mine < theirs else int(mine > theirs)


def _declare() -> None:
    add = SEMVER.add
    add("semver", "string_to_semver (string) -> Semver", _parse)
    add("semver", "string_bool_to_semver (string, bool) -> Semver", _parse)
    add("isSemver", "is_semver_string (string) -> bool", _is_one)
    add("isSemver", "is_semver_string_bool (string, bool) -> bool", _is_one)
    add("isGreaterThan", "semver_is_greater_than Semver.(Semver) -> bool", lambda a, b: _compare(a, b) > 0)
    add("isLessThan", "semver_is_less_than Semver.(Semver) -> bool", lambda a, b: _compare(a, b) < 0)
    add("compareTo", "semver_compare_to Semver.(Semver) -> int", _compare)
    for at, name in enumerate(("major", "minor", "patch")):
        add(name, f"semver_{name} Semver.() -> int", lambda version, at=at: version.numbers[at])


_declare()
