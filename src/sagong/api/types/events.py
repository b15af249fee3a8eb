"""Types of the Kubernetes API group version events.k8s.io/v1, attributes spelled as on the wire."""

from types import NoneType
from typing import Annotated as A

from msgspec import field

from sagong.api.types.base import REQUIRED, ApiStruct, Int32, MicroTime, Time
from sagong.api.types.core import EventSource, ObjectReference
from sagong.api.types.meta import ListMeta, ObjectMeta


class EventSeries(ApiStruct):
    count: A[Int32, 1, REQUIRED] = field(default_factory=int)
    lastObservedTime: A[MicroTime | None, 2, REQUIRED] = field(default_factory=NoneType)


class Event(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    eventTime: A[MicroTime | None, 2, REQUIRED] = field(default_factory=NoneType)
    series: A[EventSeries | None, 3] = None
    reportingController: A[str, 4] = ""
    reportingInstance: A[str, 5] = ""
    action: A[str, 6] = ""
    reason: A[str, 7] = ""
    regarding: A[ObjectReference, 8] = field(default_factory=ObjectReference)
    related: A[ObjectReference | None, 9] = None
    note: A[str, 10] = ""
    type: A[str, 11] = ""
    deprecatedSource: A[EventSource, 12] = field(default_factory=EventSource)
    deprecatedFirstTimestamp: A[Time | None, 13] = field(default_factory=NoneType)
    deprecatedLastTimestamp: A[Time | None, 14] = field(default_factory=NoneType)
    deprecatedCount: A[Int32, 15] = 0


class EventList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[Event], 2, REQUIRED] = field(default_factory=list)
