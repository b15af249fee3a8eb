"""Field selectors: `status.phase!=Running,spec.nodeName=a`, and which fields of which kind can be selected."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

from sagong.api.field_errors import quote
from sagong.api.resources import Resource
from sagong.api.selectors import SelectorError

_TERMS = re.compile(r"((?:[^,\\]|\\.?)*)(?:,|$)", re.DOTALL)
_TERM = re.compile(r"(.*?)(!=|==|=)(.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(.?)|([,=])", re.DOTALL)
_OBJECT_REFERENCE = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_NAME, _NAMESPACE = "metadata.name", "metadata.namespace"


class Term(NamedTuple):
    """`field=value`, or `field!=value` when `negated`."""

    field: str
    value: str
    negated: bool = False

    def __str__(self) -> str:
        escaped = re.sub(r"([\\,=])", r"\\\1", self.value)
        return f"{self.field}{'!=' if self.negated else '='}{escaped}"


class FieldSelector(NamedTuple):
    """Terms that must all hold; none match everything."""

    terms: tuple[Term, ...] = ()

    def matches(self, obj: Any) -> bool:
        """Say whether an object (Struct or dict) meets every term."""
        return all((field_value(obj, term.field) == term.value) != term.negated for term in self.terms)

    def exact(self, field: str) -> str | None:
        """Return the one value that the selector demands of a field, if it does."""
        return next((term.value for term in self.terms if term.field == field and not term.negated), None)

    def __str__(self) -> str:
        return ",".join(map(str, self.terms))


@functools.lru_cache(maxsize=1024)
def parse(selector: str) -> FieldSelector:
    """Parse a field selector. Raises SelectorError with upstream's message."""
    terms = []
    for part in sorted(match.group(1) for match in _TERMS.finditer(selector)):
        if not part:
            continue
        if not (match := _TERM.fullmatch(part)):
            raise SelectorError(f"invalid selector: '{selector}'; can't understand '{part}'")
        terms.append(Term(match.group(1), _unescape(match.group(3)), match.group(2) == "!="))
    return FieldSelector(tuple(terms))


def selectable_fields(resource: Resource) -> tuple[str, ...]:
    """Return the fields that can be selected."""
    if resource.module:
        return _SELECTABLE.get((resource.group, resource.kind), _DEFAULT).fields
    extra: tuple[str, ...] = getattr(resource.extra, "selectable_fields", ())
    return (_NAME, _NAMESPACE, *extra) if resource.namespaced else (_NAME, *extra)


def read_fields(kind: str, fields: Iterable[str]) -> Iterator[str]:
    """Return the paths that `field_value` reads in Structs of a kind, for those fields."""
    for field in fields:
        special = _SPECIAL.get((kind, field))
        yield from special.reads if special is not None else (field,)


def parse_for(selector: str, resource: Resource) -> FieldSelector:
    """Parse a field selector for one resource; old names are translated. Raises SelectorError for a field it does not have."""
    _, aliases, complaint = _SELECTABLE.get((resource.group, resource.kind), _DEFAULT) if resource.module else _CUSTOM
    fields = selectable_fields(resource)
    terms = []
    for term in parse(selector).terms:
        name = aliases.get(term.field, term.field)
        if name not in fields:
            raise SelectorError(complaint(term.field))
        terms.append(term._replace(field=name))
    return FieldSelector(tuple(terms))


def field_value(obj: Any, path: str) -> str:
    """Return a field as selectors compare it: booleans as true and false, numbers in decimal, what is absent as empty."""
    if special := _SPECIAL.get((type(obj).__name__, path)):
        return special.value(obj)
    value = obj
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    return _text(value)


def field_reader(kind: str, path: str) -> Callable[[Any], str]:
    """Return what `field_value` is for one field of all Structs of a kind."""
    if special := _SPECIAL.get((kind, path)):
        return special.value
    get = attrgetter(path)

    def read(obj: Any) -> str:
        try:
            return _text(get(obj))
        except AttributeError:  # what it is in is absent
            return ""

    return read


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _unescape(value: str) -> str:
    def plain(match: re.Match[str]) -> str:
        if match.group(2):
            raise SelectorError(f"invalid field selector: unescaped character in value: {ord(match.group(2))}")
        if match.group(1) not in ("\\", ",", "="):
            raise SelectorError(f"invalid field selector: invalid escape sequence: \\{match.group(1)}")
        return match.group(1)

    return _ESCAPE.sub(plain, value)


class _Selectable(NamedTuple):
    fields: tuple[str, ...]
    aliases: Mapping[str, str] = {}
    complaint: Callable[[str], str] = "field label not supported: {}".format


_DEFAULT = _Selectable(
    (_NAME, _NAMESPACE),
    complaint=lambda label: f'{quote(label)} is not a known field selector: only "metadata.name", "metadata.namespace"',
)
_CUSTOM = _Selectable((_NAME, _NAMESPACE))
_EVENT = tuple(f"involvedObject.{name}" for name in _OBJECT_REFERENCE)
_SELECTABLE: dict[tuple[str, str], _Selectable] = {
    ("", "Pod"): _Selectable(
        (
            _NAME,
            _NAMESPACE,
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ),
        {"spec.host": "spec.nodeName"},
    ),
    ("", "Node"): _Selectable((_NAME, "spec.unschedulable")),
    ("", "ReplicationController"): _Selectable((_NAME, _NAMESPACE, "status.replicas")),
    ("", "Namespace"): _Selectable((_NAME, "status.phase")),
    ("", "Secret"): _Selectable((_NAME, _NAMESPACE, "type")),
    ("", "Service"): _Selectable((_NAME, _NAMESPACE, "spec.clusterIP", "spec.type")),
    ("", "Event"): _Selectable((*_EVENT, "reason", "reportingComponent", "source", "type", _NAMESPACE, _NAME)),
    ("events.k8s.io", "Event"): _Selectable(
        ("reason", "reportingController", "type", _NAMESPACE, _NAME, *(f"regarding.{name}" for name in _OBJECT_REFERENCE)),
    ),
    ("batch", "Job"): _Selectable(
        (_NAME, _NAMESPACE, "status.successful"), complaint=lambda label: f"field label {quote(label)} not supported for Job"
    ),
    ("certificates.k8s.io", "CertificateSigningRequest"): _Selectable((_NAME, "spec.signerName")),
    ("resource.k8s.io", "ResourceSlice"): _Selectable(
        (_NAME, "spec.nodeName", "spec.driver"),
        complaint=lambda label: f"field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: {label}",
    ),
}


class _Special(NamedTuple):
    """A field whose value is not what stands at its path."""

    value: Callable[[Any], str]
    reads: tuple[str, ...]


_SPECIAL: dict[tuple[str, str], _Special] = {
    ("Pod", "status.podIP"): _Special(lambda pod: pod.status.podIPs[0].ip if pod.status.podIPs else "", ("status.podIPs",)),
    ("Pod", "status.podIPs"): _Special(lambda _: "", ()),  # accepted and never filled, as upstream
    ("Job", "status.successful"): _Special(lambda job: str(job.status.succeeded), ("status.succeeded",)),
    ("Event", "source"): _Special(
        lambda event: event.source.component or event.reportingComponent, ("source.component", "reportingComponent")
    ),
}
