"""Validation of events: loosely in the core group, where clients of all ages write, and strictly in events.k8s.io.

Strict complaints name the core group's fields, as upstream's do.
"""

from __future__ import annotations

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.types import core, events
from sagong.api.validation.rules import Rules, each, immutable

_SHORT = 128
_NOTE = 1024
_MISMATCH = "does not match event.namespace"
_FIXED = (
    ("involvedObject", "regarding"),
    ("reason", "reason"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("type", "type"),
    ("eventTime", "eventTime"),
    ("action", "action"),
    ("related", "related"),
    ("reportingController", "reportingController"),
    ("reportingInstance", "reportingInstance"),
)


def _core_event(errors: Errors, new: core.Event, _: core.Event | None) -> None:
    found = {"reportingComponent": new.reportingComponent, "message": new.message}
    _event(errors, new, new.involvedObject, found)


def _new_event(errors: Errors, new: events.Event, _: events.Event | None) -> None:
    _event(errors, new, new.regarding, {"reportingController": new.reportingController, "message": new.note})


def _event(errors: Errors, new: core.Event | events.Event, target: core.ObjectReference, texts: dict[str, str]) -> None:
    """Check what any event must have; `texts` holds the fields that the versions name differently."""
    namespace = new.metadata.namespace
    if not new.eventTime:
        matches = namespace in (target.namespace, "default") if not target.namespace else namespace == target.namespace
    else:
        matches = bool(target.namespace) or namespace in ("default", "kube-system")
    if not matches:
        errors.invalid("involvedObject.namespace", target.namespace, _MISMATCH)
    if new.eventTime:
        texts |= {name: getattr(new, name) for name in ("reportingInstance", "action", "reason")}
        controller, message = next(iter(texts)), texts.pop("message")
        for name, value in texts.items():
            _text(errors, name, value, qualified=name == controller)
        if len(message.encode()) > _NOTE:
            errors.invalid("message", "", f"can have at most {_NOTE} characters")
    each(errors, "namespace", namespace, names.dns1123_subdomain)


def _text(errors: Errors, path: str, value: str, *, qualified: bool) -> None:
    if not value:
        errors.required(path)
    if qualified:
        each(errors, path, value, names.qualified_name)
    elif len(value.encode()) > _SHORT:
        errors.invalid(path, "", f"can have at most {_SHORT} characters")


def _new_event_create(errors: Errors, new: events.Event, _: events.Event | None) -> None:
    _series(errors, new.series)
    if not new.eventTime:
        errors.required("eventTime")
    if new.type not in ("Normal", "Warning"):
        errors.invalid("type", "", f"has invalid value: {new.type}")
    unset = {
        "firstTimestamp": new.deprecatedFirstTimestamp,
        "lastTimestamp": new.deprecatedLastTimestamp,
        "count": new.deprecatedCount,
        "source": new.deprecatedSource.component or new.deprecatedSource.host,
    }
    for name, value in unset.items():
        if value:
            errors.invalid(name, "", "needs to be unset")


def _new_event_change(errors: Errors, new: events.Event, old: events.Event) -> None:
    if new.series != old.series:
        _series(errors, new.series)
    for spoken, name in _FIXED:
        immutable(errors, spoken, getattr(new, name), getattr(old, name))


def _series(errors: Errors, series: events.EventSeries | None) -> None:
    if series is None:
        return
    if series.count <= 1:
        errors.invalid("series.count", "", "should be at least 2")
    if not series.lastObservedTime:
        errors.required("series.lastObservedTime")


TABLE: dict[type, Rules] = {
    core.Event: Rules(name=names.path_segment, spec=_core_event),
    events.Event: Rules(spec=_new_event, create=_new_event_create, change=_new_event_change),
}
