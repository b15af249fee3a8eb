"""Events of events.k8s.io/v1 and of the core group: one object under two sets of names."""

from __future__ import annotations

from sagong.api.types import core, events

_RENAMED = {
    "regarding": "involvedObject",
    "note": "message",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
    "reportingController": "reportingComponent",
}
_SAME = ("metadata", "reason", "type", "eventTime", "action", "related", "reportingInstance")


def to_core(event: events.Event) -> core.Event:
    """Return the event as the core group has it, which is how it is stored."""
    converted = core.Event(apiVersion="v1", kind="Event")
    for name in _SAME:
        setattr(converted, name, getattr(event, name))
    for theirs, ours in _RENAMED.items():
        setattr(converted, ours, getattr(event, theirs))
    if event.series is not None:
        converted.series = core.EventSeries(count=event.series.count, lastObservedTime=event.series.lastObservedTime)
    return converted


def to_events(event: core.Event) -> events.Event:
    """Return the event as events.k8s.io has it."""
    converted = events.Event(apiVersion="events.k8s.io/v1", kind="Event")
    for name in _SAME:
        setattr(converted, name, getattr(event, name))
    for theirs, ours in _RENAMED.items():
        setattr(converted, theirs, getattr(event, ours))
    if event.series is not None:
        converted.series = events.EventSeries(count=event.series.count, lastObservedTime=event.series.lastObservedTime)
    return converted
