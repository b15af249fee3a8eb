"""Which type may stand where another is wanted, and what that says about type parameters."""

from __future__ import annotations

from collections.abc import Sequence

from sagong.api.cel.types import DYN, Type

_NULLABLE = ("opaque", "struct", "duration", "timestamp")


class Bindings:
    """What is known of type parameters. An attempt that fails leaves no trace."""

    def __init__(self) -> None:
        self._known: dict[Type, Type] = {}

    def assignable(self, given: Type, wanted: Type) -> bool:
        """Say whether `given` may stand where `wanted` is; remember what parameters had to be for it."""
        return self.all_assignable([given], [wanted])

    def all_assignable(self, given: Sequence[Type], wanted: Sequence[Type]) -> bool:
        """Say so of argument lists."""
        before = dict(self._known)
        if self._each(given, wanted):
            return True
        self._known = before
        return False

    def substitute(self, kind: Type, *, free_to_dyn: bool = False) -> Type:
        """Replace parameters by what is known of them; the free ones by `dyn` if asked."""
        known = self._known.get(kind)
        if known is not None:
            return self.substitute(known, free_to_dyn=free_to_dyn)
        if kind.kind == "param":
            return DYN if free_to_dyn else kind
        if not kind.parameters:
            return kind
        return Type(kind.kind, kind.name, tuple(self.substitute(inner, free_to_dyn=free_to_dyn) for inner in kind.parameters))

    def _each(self, given: Sequence[Type], wanted: Sequence[Type]) -> bool:
        return len(given) == len(wanted) and all(map(self._one, given, wanted))

    def _one(self, given: Type, wanted: Type) -> bool:
        if wanted.kind == "param":
            fits, bound = self._bind(given, wanted)
            if fits or bound:
                return fits
        if given.kind == "param":
            return self._bind(wanted, given)[0]
        if given.kind in ("dyn", "error") or wanted.kind in ("dyn", "error"):
            return True
        if given.kind == "null" or wanted.kind == "null":
            other = wanted if given.kind == "null" else given
            return other.kind == "null" or other.kind in _NULLABLE
        if given.kind != wanted.kind or given.name != wanted.name:
            return False
        return given.kind == "type" or self._each(given.parameters, wanted.parameters)

    def _bind(self, kind: Type, parameter: Type) -> tuple[bool, bool]:
        """Let the parameter stand for the type. Return whether it can, and whether it already stood for something."""
        if kind == parameter:
            return True, True
        known = self._known.get(parameter)
        if known is None:
            if not self._free_of(parameter, kind):
                return False, False
            self._known[parameter] = kind
            return True, False
        if kind == known:
            return True, True
        if not self._one(kind, known):
            return False, True
        general = most_general(kind, known)
        if self._free_of(parameter, general):
            self._known[parameter] = general
        return True, True

    def _free_of(self, parameter: Type, kind: Type) -> bool:
        if kind == parameter:
            return False
        if kind.kind == "param":
            known = self._known.get(kind)
            return known is None or self._free_of(parameter, known)
        return all(self._free_of(parameter, inner) for inner in kind.parameters)


def most_general(left: Type, right: Type) -> Type:
    """Return the more general of two types that fit together."""
    return left if _no_more_specific(left, right) else right


def _no_more_specific(left: Type, right: Type) -> bool:
    if left.kind in ("dyn", "param"):
        return True
    if right.kind in ("dyn", "param") or left.kind != right.kind:
        return False
    if left.kind in ("list", "map", "opaque"):
        same = left.name == right.name and len(left.parameters) == len(right.parameters)
        return same and all(map(_no_more_specific, left.parameters, right.parameters))
    return left.kind == "type" or left == right
