"""The variables that expressions of admission have, and the compiler that knows them.

`object`, `oldObject`, `request`, `namespaceObject` always; `params` where a policy has a paramKind; `authorizer` and
`authorizer.requestResource` where checks are allowed; `variables` in policies; `Object{}` and `JSONPatch{}` in mutations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sagong.api import cel
from sagong.api.cel.library.authz import AUTHORIZER, RESOURCE_CHECK
from sagong.api.cel.types import Type, list_of, map_of, struct

PATCH = struct("JSONPatch")
OBJECT = struct("Object")
_TEXTS = list_of(cel.STRING)
_LABELS = map_of(cel.STRING, cel.STRING)
_KIND = {"group": cel.STRING, "version": cel.STRING, "kind": cel.STRING}
_RESOURCE = {"group": cel.STRING, "version": cel.STRING, "resource": cel.STRING}
_STRUCTS: dict[str, dict[str, Type]] = {
    "GroupVersionKind": _KIND,
    "GroupVersionResource": _RESOURCE,
    "UserInfo": {"username": cel.STRING, "uid": cel.STRING, "groups": _TEXTS, "extra": map_of(cel.STRING, _TEXTS)},
    "AdmissionRequest": {
        "kind": struct("kubernetes.GroupVersionKind"),
        "resource": struct("kubernetes.GroupVersionResource"),
        "subResource": cel.STRING,
        "requestKind": struct("kubernetes.GroupVersionKind"),
        "requestResource": struct("kubernetes.GroupVersionResource"),
        "requestSubResource": cel.STRING,
        "name": cel.STRING,
        "namespace": cel.STRING,
        "operation": cel.STRING,
        "userInfo": struct("kubernetes.UserInfo"),
        "dryRun": cel.BOOL,
        "options": cel.DYN,
    },
    "NamespaceSpec": {"finalizers": _TEXTS},
    "NamespaceCondition": {
        **dict.fromkeys(("status", "type", "message", "reason"), cel.STRING),
        "lastTransitionTime": cel.TIMESTAMP,
    },
    "NamespaceStatus": {"conditions": list_of(struct("kubernetes.NamespaceCondition")), "phase": cel.STRING},
    "NamespaceMetadata": {
        **dict.fromkeys(("name", "generateName", "namespace", "UID", "resourceVersion"), cel.STRING),
        **dict.fromkeys(("labels", "annotations"), _LABELS),
        **dict.fromkeys(("creationTimestamp", "deletionTimestamp"), cel.TIMESTAMP),
        **dict.fromkeys(("deletionGracePeriodSeconds", "generation"), cel.INT),
        "finalizers": _TEXTS,
    },
    "Namespace": {
        "metadata": struct("kubernetes.NamespaceMetadata"),
        "spec": struct("kubernetes.NamespaceSpec"),
        "status": struct("kubernetes.NamespaceStatus"),
    },
}
_PLAIN_KINDS = ("bool", "bytes", "double", "duration", "int", "null", "string", "timestamp", "uint")
Fields = Mapping[str, tuple[Type, str]]


class ExpressionError(Exception):
    """The expression does not compile, or to the wrong type; the text is upstream's."""


class _AnyField(Mapping[str, tuple[Type, str]]):
    """The fields of a type that is made up as it is written: all there can be."""

    def __getitem__(self, name: str) -> tuple[Type, str]:
        return cel.DYN, name

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


_PATCH_FIELDS: Fields = {name: (cel.DYN if name == "value" else cel.STRING, name) for name in ("op", "path", "from", "value")}


class Structs:
    """The struct types of admission. `schemas` know those of objects, where they are known; `variables` grow."""

    def __init__(self, variables: Fields, *, patches: bool = False, schemas: cel.SchemaTypes | None = None) -> None:
        self._patches, self._schemas = patches, schemas
        self._known: dict[str, Fields] = {
            f"kubernetes.{name}": {field: (kind, field) for field, kind in fields.items()} for name, fields in _STRUCTS.items()
        }
        self._known["kubernetes.variables"] = variables

    def fields(self, name: str) -> Fields | None:
        """Return the fields of a type."""
        found = self._known.get(name)
        if found is None and self._patches:
            if name == PATCH.name:
                return _PATCH_FIELDS
            if name == OBJECT.name or name.startswith(f"{OBJECT.name}."):
                return _AnyField()
        return self._schemas.fields(name) if found is None and self._schemas is not None else found


class Environment:
    """Compiles expressions. A variable that is declared is known to those compiled after it."""

    def __init__(
        self, *, params: bool, composed: bool = True, schemas: cel.SchemaTypes | None = None, typed: Mapping[str, Type] | None = None
    ) -> None:
        """Take types of objects where they are known: `object`, `oldObject`, `params`."""
        self._declared: dict[str, tuple[Type, str]] = {}
        self._structs = Structs(self._declared, schemas=schemas)
        self._mutating = Structs(self._declared, patches=True, schemas=schemas)
        self._variables: dict[str, Type] = {
            "object": cel.DYN,
            "oldObject": cel.DYN,
            "namespaceObject": struct("kubernetes.Namespace"),
            "request": struct("kubernetes.AdmissionRequest"),
        }
        if composed:
            self._variables["variables"] = struct("kubernetes.variables")
        if params:
            self._variables["params"] = cel.DYN
        self._variables |= typed or {}

    def compile(self, expression: str, results: Sequence[Type], *, authorizer: bool = True, patches: bool = False) -> cel.Program:
        """Compile an expression whose value is of one of these types; of any when there are none. Raises ExpressionError."""
        variables = dict(self._variables)
        if authorizer:
            variables |= {"authorizer": AUTHORIZER, "authorizer.requestResource": RESOURCE_CHECK}
        try:
            program = cel.compile(expression, variables, structs=self._mutating if patches else self._structs)
        except cel.CompileError as error:
            raise ExpressionError(f"compilation failed: {error}") from error
        if results and program.result not in results:
            wanted = shown(results[0]) if len(results) == 1 else f"one of [{' '.join(map(shown, results))}]"
            raise ExpressionError(f"must evaluate to {wanted} but got {shown(program.result)}")
        return program

    def declare(self, name: str, program: cel.Program | None) -> None:
        """Let the expressions that follow use `variables.name`; None: its own expression does not compile."""
        self._declared[name] = (_declared(program.result) if program else cel.DYN, name)


def _declared(kind: Type) -> Type:
    """Return a variable's type as those that use it see it: nothing but plain types, lists and maps is handed on."""
    if kind.kind in ("list", "map"):
        return Type(kind.kind, kind.name, tuple(map(_declared, kind.parameters)))
    return kind if kind.kind in _PLAIN_KINDS else cel.DYN


def shown(kind: Type) -> str:
    """Return a type as Go prints it."""
    inner = ", ".join(map(shown, kind.parameters))
    return f"{kind.runtime_name}({inner})" if inner else kind.runtime_name
