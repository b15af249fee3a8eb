"""Events as client-go records them: in the background, similar ones combined, repeated ones counted, floods dropped.

An event passes three gates. More than ten different messages of one reason about one object within ten minutes become one
"(combined from similar events)". An event seen before is patched with a higher count. One source may send 25 events about one
object at once, then one each five minutes.

Events are sent one after the other, and give way to a component's own work: what a burst leaves behind is sent when it is over.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from sagong.api.clock import Clock, format_time
from sagong.api.errors import AlreadyExistsError, ApiError, NotFoundError
from sagong.api.resources import resource_of
from sagong.api.types.base import ApiStruct
from sagong.api.types.core import Event, EventSource, ObjectReference
from sagong.api.types.meta import ObjectMeta
from sagong.client.client import Client
from sagong.client.connection import ServerUnreachableError

EventType = Literal["Normal", "Warning"]

MAX_REMEMBERED = 4096
MAX_SIMILAR, SIMILAR_SECONDS = 10, 600.0
SPAM_BURST, SPAM_RATE = 25.0, 1 / 300
MAX_WAITING = 20_000
"""A few hundred bytes each; upstream drops what is beyond 1,000."""

SEND_TRIES, SEND_PAUSE = 12, 10.0
_EVENT_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
V = TypeVar("V")
log = logging.getLogger(__name__)


class _Remembered(Generic[V]):
    """A dict that forgets what was used longest ago."""

    def __init__(self) -> None:
        self._items: OrderedDict[tuple[str, ...], V] = OrderedDict()

    def get(self, key: tuple[str, ...]) -> V | None:
        if key in self._items:
            self._items.move_to_end(key)
        return self._items.get(key)

    def put(self, key: tuple[str, ...], value: V) -> None:
        self._items[key] = value
        self._items.move_to_end(key)
        while len(self._items) > MAX_REMEMBERED:
            self._items.popitem(last=False)


@dataclass(slots=True)
class _Similar:
    last: float
    messages: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Happened(NamedTuple):
    """An event that waits to be made and sent."""

    about: ObjectReference
    type: EventType
    reason: str
    message: str
    at: datetime
    nanos: int


class Noted(NamedTuple):
    """What is remembered of an event: under which name it is, or would be, on the server, since when, and how often it has happened."""

    name: str
    first: str
    times: int


class Passed(NamedTuple):
    """An event that is to be sent: its message, what is noted of it, and the key that is under. A count above 1 means a patch."""

    message: str
    noted: Noted
    key: tuple[str, ...]


class Correlator:
    """Decides what becomes of an event of one source, before it is made. Pure but for its memory; `now` is monotonic seconds."""

    def __init__(self, component: str, host: str = "") -> None:
        self._source = (component, host)
        self._similar: _Remembered[_Similar] = _Remembered()
        self._noted: _Remembered[Noted] = _Remembered()
        self._buckets: _Remembered[_Bucket] = _Remembered()

    def correlate(self, happened: Happened, name: str, now: float) -> Passed | None:
        """Return what to send of it, None to drop it, which counts as well. `name` is for an event that is the first of its like."""
        about, message = happened.about, happened.message
        subject = (*self._source, about.kind, about.namespace, about.name, about.uid, about.apiVersion)
        group: tuple[str, ...] = (*subject, happened.type, happened.reason)
        if self._combines(group, message, now):
            message, key = f"(combined from similar events): {message}", group
        else:
            key = (*subject, about.fieldPath, happened.type, happened.reason, message)
        before = self._noted.get(key)
        noted = before._replace(times=before.times + 1) if before is not None else Noted(name, format_time(happened.at), 1)
        self._noted.put(key, noted)
        return Passed(message, noted, key) if self._passes((*subject, happened.type), now) else None

    def sent(self, key: tuple[str, ...], event: Event) -> None:
        """Remember the event as the server has it."""
        self._noted.put(key, Noted(event.metadata.name, event.firstTimestamp or "", event.count))

    def _combines(self, group: tuple[str, ...], message: str, now: float) -> bool:
        similar = self._similar.get(group)
        if similar is None or now - similar.last > SIMILAR_SECONDS:
            similar = _Similar(now)
            self._similar.put(group, similar)
        similar.last = now
        similar.messages.add(message)
        if len(similar.messages) < MAX_SIMILAR:
            return False
        similar.messages.pop()
        return True

    def _passes(self, subject: tuple[str, ...], now: float) -> bool:
        bucket = self._buckets.get(subject)
        if bucket is None:
            bucket = _Bucket(SPAM_BURST, now)
            self._buckets.put(subject, bucket)
        bucket.tokens = min(SPAM_BURST, bucket.tokens + (now - bucket.at) * SPAM_RATE)
        bucket.at = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True


class Recorder:
    """Records events of one component. `event` never waits; `run` sends in the background.

    `pause`: how many seconds to wait before the next event is sent, 0 when there is nothing more important to do.
    """

    def __init__(
        self, client: Client, component: str, *, host: str = "", clock: Clock | None = None, pause: Callable[[], float] | None = None
    ) -> None:
        self._client, self._clock = client, clock or client.clock
        self._pause = pause or (lambda: 0.0)
        self._component, self._host = component, host
        self._correlator = Correlator(component, host)
        self._waiting: deque[Happened] = deque(maxlen=MAX_WAITING)
        self._filled = asyncio.Event()
        self._last_nanos = 0

    def event(self, obj: Any, type: EventType, reason: str, message: str) -> None:  # noqa: A002 - the event's own word
        """Record an event about an object (a Struct, a custom object's dict, or an ObjectReference)."""
        now = self._clock.now()
        self._last_nanos = max(self._last_nanos + 1, int(now.timestamp() * 1e6) * 1000)
        self._waiting.append(Happened(reference(obj), type, reason, message, now, self._last_nanos))
        self._filled.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._filled.wait()
            while self._waiting:
                if pause := self._pause():
                    await self._clock.sleep(pause)
                await self._send(self._waiting.popleft())
            self._filled.clear()

    async def flush(self) -> None:
        """Send what waits, once; for the end of a process."""
        while self._waiting:
            await self._send(self._waiting.popleft())

    def _name(self, happened: Happened) -> str:
        name = f"{happened.about.name}.{happened.nanos:x}"
        return name if _EVENT_NAME.match(name) else self._client.random.uid()

    def _made(self, happened: Happened, passed: Passed) -> Event:
        noted, about = passed.noted, happened.about
        return Event(
            metadata=ObjectMeta(name=noted.name, namespace=about.namespace or "default"),
            involvedObject=about,
            reason=happened.reason,
            message=passed.message,
            type=happened.type,
            count=noted.times,
            firstTimestamp=noted.first,
            lastTimestamp=format_time(happened.at),
            source=EventSource(component=self._component, host=self._host),
            reportingComponent=self._component,
            reportingInstance=self._host,
        )

    async def _send(self, happened: Happened) -> None:
        passed = self._correlator.correlate(happened, self._name(happened), self._clock.monotonic())
        if passed is None:
            return
        event = self._made(happened, passed)
        for _ in range(SEND_TRIES):
            try:
                self._correlator.sent(passed.key, await self._write(event))
            except ServerUnreachableError:
                await self._clock.sleep(SEND_PAUSE * self._client.random.uniform())
                continue
            except AlreadyExistsError:
                return
            except (ApiError, OSError) as error:
                log.info("event %s/%s not recorded: %s", event.metadata.namespace, event.metadata.name, error)
            return

    async def _write(self, event: Event) -> Event:
        if event.count > 1:
            patch = {"count": event.count, "lastTimestamp": event.lastTimestamp, "message": event.message}
            try:
                return await self._client.patch(
                    Event, event.metadata.name, event.metadata.namespace, patch, patch_type="strategic", field_manager=self._component
                )
            except NotFoundError:  # it has expired
                pass
        return await self._client.create(event)


def reference(obj: Any) -> ObjectReference:
    """Return what names an object in an event."""
    if isinstance(obj, ObjectReference):
        return obj
    if isinstance(obj, ApiStruct):
        row = resource_of(type(obj))
        meta: ObjectMeta = obj.metadata  # type: ignore[attr-defined]  # every resource's Struct has it
        return ObjectReference(
            kind=row.kind,
            apiVersion=row.api_version,
            namespace=meta.namespace,
            name=meta.name,
            uid=meta.uid,
            resourceVersion=meta.resourceVersion,
        )
    meta_dict = obj.get("metadata", {})
    return ObjectReference(
        kind=obj.get("kind", ""),
        apiVersion=obj.get("apiVersion", ""),
        namespace=meta_dict.get("namespace", ""),
        name=meta_dict.get("name", ""),
        uid=meta_dict.get("uid", ""),
        resourceVersion=meta_dict.get("resourceVersion", ""),
    )
