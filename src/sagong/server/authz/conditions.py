"""Match conditions of authorization webhooks: CEL over the spec of the SubjectAccessReview, as `request`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagong.api import cel
from sagong.server.authz.webhook import Condition, ConditionError

_SPEC = "kubernetes.SubjectAccessReviewSpec"
_TEXTS = cel.list_of(cel.STRING)
_REQUIREMENTS = {"requirements": cel.list_of(cel.struct("kubernetes.SelectorRequirement")), "rawSelector": cel.STRING}
_STRUCTS: dict[str, dict[str, cel.Type]] = {
    _SPEC: {
        "resourceAttributes": cel.struct("kubernetes.ResourceAttributes"),
        "nonResourceAttributes": cel.struct("kubernetes.NonResourceAttributes"),
        "user": cel.STRING,
        "groups": _TEXTS,
        "extra": cel.map_of(cel.STRING, _TEXTS),
        "uid": cel.STRING,
    },
    "kubernetes.ResourceAttributes": {
        **dict.fromkeys(("namespace", "verb", "group", "version", "resource", "subresource", "name"), cel.STRING),
        "fieldSelector": cel.struct("kubernetes.SelectorAttributes"),
        "labelSelector": cel.struct("kubernetes.SelectorAttributes"),
    },
    "kubernetes.NonResourceAttributes": {"path": cel.STRING, "verb": cel.STRING},
    "kubernetes.SelectorAttributes": _REQUIREMENTS,
    "kubernetes.SelectorRequirement": {"key": cel.STRING, "operator": cel.STRING, "values": _TEXTS},
}
_EMPTY: dict[str, Any] = {"user": "", "groups": [], "extra": {}, "uid": ""}
_RESOURCE = dict.fromkeys(("namespace", "verb", "group", "version", "resource", "subresource", "name"), "")


class _Structs:
    """The types of the spec."""

    def fields(self, name: str) -> Mapping[str, tuple[cel.Type, str]] | None:
        """Return the fields of a type."""
        fields = _STRUCTS.get(name)
        return None if fields is None else {field: (kind, field) for field, kind in fields.items()}


def condition_of(expression: str) -> Condition:
    """Compile a condition. Raises ValueError with upstream's words."""
    try:
        program = cel.compile(expression, {"request": cel.struct(_SPEC)}, structs=_Structs())
    except cel.CompileError as error:
        raise ValueError(f"compilation failed: {error}") from error
    if program.result != cel.BOOL:
        raise ValueError(f"must evaluate to bool but got {program.result}")

    def holds(spec: Mapping[str, Any]) -> bool:
        request = {**_EMPTY, **spec}
        if "resourceAttributes" in spec:
            request["resourceAttributes"] = {**_RESOURCE, **spec["resourceAttributes"]}
        try:
            return program.evaluate({"request": request}) is True
        except (cel.EvaluationError, cel.CostExceeded) as error:
            raise ConditionError(f"cel evaluation error: expression '{expression}' resulted in error: {error}") from error

    return holds
