from __future__ import annotations

from typing import Any

import pytest
from tests.api.validation.support import META, problems

from sagong.api.types import core, events

OLD_EVENT: dict[str, Any] = {"metadata": META, "involvedObject": {"kind": "Pod", "name": "p", "namespace": "ns"}}
EVENT: dict[str, Any] = {
    "metadata": META,
    "regarding": {"kind": "Pod", "name": "p", "namespace": "ns"},
    "eventTime": "2020-01-01T00:00:00.000000Z",
    "reportingController": "a.b/c",
    "reportingInstance": "i",
    "action": "Act",
    "reason": "Because",
    "type": "Normal",
}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"involvedObject": {"namespace": "other"}}, ['involvedObject.namespace: Invalid value: "other": does not match event.namespace']),
        ({"involvedObject": {"namespace": ""}}, ['involvedObject.namespace: Invalid value: "": does not match event.namespace']),
        (
            {"eventTime": "2020-01-01T00:00:00.000000Z"},
            [
                "reportingComponent: Required value",
                'reportingComponent: Invalid value: "": name part must be non-empty',
                'reportingComponent: Invalid value: "": name part <key>',
                "reportingInstance: Required value",
                "action: Required value",
                "reason: Required value",
            ],
        ),
        ({"metadata": {"namespace": "default"}, "involvedObject": {"namespace": ""}}, []),
    ],
)
def test_events_of_the_core(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.Event, OLD_EVENT, change) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            {
                "eventTime": "",
                "type": "X",
                "deprecatedCount": 1,
                "deprecatedSource": {"host": "h"},
                "deprecatedFirstTimestamp": "2020-01-01T00:00:00Z",
            },
            [
                "eventTime: Required value",
                'type: Invalid value: "": has invalid value: X',
                'firstTimestamp: Invalid value: "": needs to be unset',
                'count: Invalid value: "": needs to be unset',
                'source: Invalid value: "": needs to be unset',
            ],
        ),
        (
            {"series": {"count": 1, "lastObservedTime": ""}},
            ['series.count: Invalid value: "": should be at least 2', "series.lastObservedTime: Required value"],
        ),
        (
            {"reportingController": "a b", "reportingInstance": "i" * 129, "action": "a" * 129, "reason": "", "note": "n" * 1025},
            [
                'reportingController: Invalid value: "a b": name part <key>',
                'reportingInstance: Invalid value: "": can have at most 128 characters',
                'action: Invalid value: "": can have at most 128 characters',
                "reason: Required value",
                'message: Invalid value: "": can have at most 1024 characters',
            ],
        ),
    ],
)
def test_new_events(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(events.Event, EVENT, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "",
            {"reason": "Other", "note": "n"},
            ['reason: Invalid value: "Other": field is immutable', 'message: Invalid value: "n": field is immutable'],
        ),
        ("", {"series": {"count": 2, "lastObservedTime": "2020-01-01T00:00:00.000000Z"}}, []),
    ],
)
def test_changes_of_new_events(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(events.Event, EVENT, change, subresource) == wanted
