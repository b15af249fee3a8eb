"""Reading what a server sends: events of watches, and what Go writes that does not fit a type."""

from __future__ import annotations

from typing import Any

import pytest

from sagong.api.resources import resource_of
from sagong.api.types.core import ConfigMap, Pod
from sagong.api.types.meta import Status
from sagong.client import endpoint
from sagong.client.endpoint import endpoint_of, identity, metadata_only

CUSTOM = resource_of(ConfigMap)
BOOKMARKS = {
    "ours": b'{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"12","creationTimestamp":null}}',
    "upstream's": b'{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"12","creationTimestamp":null},'
    b'"spec":{"containers":null},"status":{}}',
}


@pytest.mark.parametrize("kind", [Pod, resource_of(Pod), metadata_only(resource_of(Pod))], ids=["typed", "dict", "metadata"])
@pytest.mark.parametrize("body", BOOKMARKS.values(), ids=BOOKMARKS)
def test_a_bookmark_is_read_without_a_second_try(kind: Any, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def salvage(*_: object) -> None:
        raise AssertionError("it was read as if it were an object")

    monkeypatch.setattr(endpoint, "_salvage", salvage)
    event, obj = endpoint_of(kind).decode_event(b'{"type":"BOOKMARK","object":' + body + b"}")
    assert (event, identity(obj).resource_version) == ("BOOKMARK", "12")


def test_the_bookmark_after_a_streamed_list_keeps_its_annotation() -> None:
    body = b'{"metadata":{"resourceVersion":"12","annotations":{"k8s.io/initial-events-end":"true"}}}'
    _, obj = endpoint_of(Pod).decode_event(b'{"type":"BOOKMARK","object":' + body + b"}")
    assert isinstance(obj, Pod)
    assert obj.metadata.annotations == {"k8s.io/initial-events-end": "true"}


@pytest.mark.parametrize(
    ("line", "event", "data"),
    [
        (b'{"type":"ADDED","object":{"metadata":{"name":"m"},"data":{"a":"b"}}}', "ADDED", {"a": "b"}),
        (b'{"type":"MODIFIED","object":{"metadata":{"name":"m","labels":null},"data":null}}', "MODIFIED", {}),
        (b'{"object":{"metadata":{"name":"m"}},"type":"DELETED"}', "DELETED", {}),
    ],
)
def test_events_also_with_nulls_where_a_type_has_none(line: bytes, event: str, data: dict[str, str]) -> None:
    told, obj = endpoint_of(ConfigMap).decode_event(line)
    assert isinstance(obj, ConfigMap)
    assert (told, obj.metadata.name, obj.data) == (event, "m", data)


def test_an_error_is_a_status_whatever_the_kind() -> None:
    line = b'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410,"metadata":{}}}'
    kinds: tuple[Any, ...] = (ConfigMap, CUSTOM, metadata_only(CUSTOM))
    for kind in kinds:
        event, obj = endpoint_of(kind).decode_event(line)
        assert isinstance(obj, Status)
        assert (event, obj.code) == ("ERROR", 410)
