"""Watchers served together see what each would see alone, in order, however slowly some of them take it."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.server.custom.support import CRDS, WIDGETS, define, definition, version, widget
from tests.server.harness import TABLE, Client, config_map, pod, running

from sagong.api import protobuf
from sagong.api.protobuf import PROTOBUF
from sagong.api.protobuf_wire import decode_message, fields
from sagong.api.resources import ResourceTable, resource_of
from sagong.api.types.core import Pod
from sagong.api.types.meta import PartialObjectMetadata, Status
from sagong.cluster.clock import RealClock, RealRandom
from sagong.server import wire
from sagong.server.exchange import Exchange
from sagong.server.messages import Peer, Request, Stream
from sagong.server.registry import groups, render, watch
from sagong.server.registry.registry import Registry
from sagong.server.registry.storage import Storage
from sagong.server.request_info import request_info
from sagong.store.base import Event
from sagong.store.log import Log
from sagong.store.sqlite import SqliteStore

PODS = resource_of(Pod)
MAPS = "/api/v1/namespaces/default/configmaps"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"

Seen = list[tuple[str, str, int]]


class Watcher:
    """Takes a stream as the HTTP layer does. What is written waits in `buffer` until it is taken; a full buffer closes the sink."""

    def __init__(self, room: int, framing: Callable[[bytes], bytes], accept: str = "") -> None:
        self.room, self.framing, self.accept = room, framing, accept
        self.buffer: list[bytes] = []
        self.text = b""
        self.opened = asyncio.Event()
        self.pushed = 0

    @property
    def closed(self) -> bool:
        return sum(map(len, self.buffer)) > self.room

    def write(self, framed: bytes) -> None:
        assert not self.closed, "nothing is written to those who do not take it"
        self.pushed += 1
        self.buffer.append(framed)

    def drain(self) -> None:
        for data in self.buffer:
            self.text += data if self.framing is wire.unframed else data.partition(b"\r\n")[2][:-2]
        self.buffer = []
        self.opened.set()

    async def wait_open(self) -> None:
        while self.closed:
            self.opened.clear()
            await self.opened.wait()

    async def run(self, stream: Stream) -> None:
        assert stream.attach is not None
        stream.attach(self)
        async with aclosing(stream.chunks) as chunks:  # type: ignore[type-var] # an async generator in practice
            async for data in chunks:
                self.buffer.append(self.framing(data))
                await self.wait_open()

    def events(self) -> list[dict[str, Any]]:
        events = list(_frames(self.text)) if PROTOBUF in self.accept else [msgspec.json.decode(line) for line in self.text.splitlines()]
        if self.accept == TABLE:
            for event in events:
                event["object"] = event["object"]["rows"][0]["object"]
        return events


def _frames(data: bytes) -> Iterator[dict[str, Any]]:
    """Read protobuf's watch events."""
    while data:
        size = int.from_bytes(data[:4], "big")
        event = dict(fields(memoryview(data)[4 : 4 + size]))
        envelope = protobuf.open_envelope(bytes(dict(fields(event[2]))[1]))
        obj = decode_message(Pod if envelope.kind == "Pod" else PartialObjectMetadata, envelope.raw)
        yield {"type": bytes(event[1]).decode(), "object": msgspec.json.decode(msgspec.json.encode(obj))}
        data = data[4 + size :]


class Scene:
    """A store whose pods change, and watchers that begin in between."""

    def __init__(self, store: SqliteStore, chance: random.Random, tasks: asyncio.TaskGroup) -> None:
        self.store, self.chance, self.tasks = store, chance, tasks
        table = ResourceTable()
        self.registry = Registry(store, Storage(store, table), table, RealClock(), RealRandom())
        self.started: list[tuple[Watcher, str, str, int]] = []
        self.running: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        chance = self.chance
        namespace, query = chance.choice(("", "ns1", "ns2")), chance.choice(tuple(MATCHES))
        since = chance.randint(max(self.store.revision - 10, 1), self.store.revision)
        path = f"/api/v1/{f'namespaces/{namespace}/' if namespace else ''}pods"
        accept = chance.choice(("application/json", PARTIAL, TABLE, PROTOBUF, PARTIAL.replace("application/json", PROTOBUF)))
        target = f"{path}?watch=1&allowWatchBookmarks=true&resourceVersion={since}&{query}"
        request = Request("GET", target, {"accept": [accept]}, b"", Peer())
        answer = await watch.watch(self.registry, Exchange(request, request_info(request)), PODS)
        assert isinstance(answer, Stream)
        watcher = Watcher(chance.choice((0, 1000, 1 << 20)), chance.choice((wire.chunk, wire.unframed)), accept)
        self.running.append(self.tasks.create_task(watcher.run(answer)))
        self.started.append((watcher, namespace, query, since))

    async def change(self) -> None:
        chance = self.chance
        namespace, name = chance.choice(("ns1", "ns2")), chance.choice("abc")
        key = PODS.storage_key(namespace, name)
        entry = self.store.get(key)
        if entry is not None and chance.random() < 0.25:
            await self.store.write(key, None, entry.revision)
            return
        obj = Pod(apiVersion="v1", kind="Pod")
        obj.metadata.name, obj.metadata.namespace = name, namespace
        obj.metadata.labels = chance.choice(({}, {"app": "x"}, {"app": "y"}))
        obj.spec.nodeName = chance.choice(("", "n1", "n2"))
        await self.store.write(key, self.registry.storage.encode(PODS, obj), entry.revision if entry else 0)

    async def play(self) -> None:
        chance = self.chance
        for _ in range(150):
            await self.change()
            if chance.random() < 0.15:
                await self.begin()
            if chance.random() < 0.3:
                await asyncio.sleep(chance.choice((0, 0, 0.001)))
            if self.started and chance.random() < 0.3:
                chance.choice(self.started)[0].drain()


@pytest.mark.parametrize("seed", range(12))
async def test_each_watcher_sees_what_it_would_see_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(watch, "BOOKMARK_SECONDS", chance.choice((0.002, 60)))
    monkeypatch.setattr(watch, "FLUSH", chance.choice((1, 500, 64 * 1024)))
    monkeypatch.setattr(groups, "BATCH", chance.choice((1, 500, 256 * 1024)))
    store = await SqliteStore.open(tmp_path / "store", durable=False)
    everything = store.watch("/registry/", 0)
    async with asyncio.TaskGroup() as tasks:
        scene = Scene(store, chance, tasks)
        await scene.change()
        await scene.play()
        history = everything.take()
        for watcher, namespace, query, since in scene.started:
            expected = _expected(history, namespace, query, since)
            async with asyncio.timeout(20):
                while sum(event["type"] != "BOOKMARK" for event in watcher.events()) < len(expected):
                    watcher.drain()
                    await asyncio.sleep(0)
            watcher.drain()
            _compare(watcher.events(), expected)
        assert any(watcher.pushed for watcher, *_ in scene.started)
        for task in scene.running:
            task.cancel()
    assert not scene.registry.groups._groups, "groups end with their last members"
    await store.close()


MATCHES: dict[str, Callable[[Pod], bool]] = {
    "": lambda _: True,
    "labelSelector=app%3Dx": lambda obj: obj.metadata.labels.get("app") == "x",
    "labelSelector=!app": lambda obj: "app" not in obj.metadata.labels,
    "fieldSelector=spec.nodeName%3Dn1": lambda obj: obj.spec.nodeName == "n1",
    "fieldSelector=metadata.name%3Da": lambda obj: obj.metadata.name == "a",
}


def _expected(history: Sequence[Event], namespace: str, query: str, since: int) -> Seen:
    """Return type, name and revision of the events that such a watcher is to see."""
    matches = MATCHES[query]
    found = []
    for event in history:
        obj, before = (None if value is None else msgspec.json.decode(value, type=Pod) for value in (event.value, event.previous))
        name = event.key.rpartition("/")[2]
        if event.revision <= since or (namespace and f"/{namespace}/" not in event.key):
            continue
        now, earlier = obj is not None and matches(obj), before is not None and matches(before)
        if now or earlier:
            found.append(("MODIFIED" if now and earlier else "ADDED" if now else "DELETED", name, event.revision))
    return found


def _compare(events: list[dict[str, Any]], expected: Seen) -> None:
    newest, seen = 0, []
    for event in events:
        revision = int(event["object"]["metadata"]["resourceVersion"])
        if event["type"] == "BOOKMARK":
            assert revision >= newest
        else:
            assert revision > newest, "nothing comes behind a bookmark that it covers"
            seen.append((event["type"], event["object"]["metadata"]["name"], revision))
        newest = revision
    assert seen == expected


def _room(client: Client, size: int) -> None:
    """Let the kernel hold so much for a client that does not read."""
    client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


async def _take(client: Client, count: int) -> list[str]:
    """Read a chunked stream of events; return their names."""
    text = b""
    while text.count(b"\n") < count:
        size = int(await client.reader.readline(), 16)
        assert size, "the stream ended"
        text += (await client.reader.readexactly(size + 2))[:-2]
    return [json.loads(line)["object"]["metadata"]["name"] for line in text.splitlines()]


async def test_a_slow_watcher_holds_up_nobody_and_misses_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        clients = []
        for _ in range(4):
            client = await api.connect()
            await client.send("GET", f"{MAPS}?watch=1&resourceVersion={api.server.store.revision}")
            await client.reader.readuntil(b"\r\n\r\n")
            clients.append(client)
        _room(clients[0], 1 << 16)
        names = [f"m{index:02}" for index in range(60)]
        for name in names:
            await api.ok("POST", MAPS, config_map(name, filler="x" * 200_000))
        slow, *others = clients
        for client in others:
            assert await _take(client, len(names)) == names
        assert len(api.server.registry.groups._groups) == 1
        (group,) = api.server.registry.groups._groups.values()
        assert len(group._members) == 3, "the slow one is on its own"
        assert await _take(slow, len(names)) == names
        await api.ok("POST", MAPS, config_map("last"))
        for client in clients:
            assert await _take(client, 1) == ["last"]
        assert len(group._members) == 4, "and comes back"


async def test_a_watcher_that_stays_behind_is_dropped_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path) as api:
        with_capacity = Log.watch
        monkeypatch.setattr(Log, "watch", lambda log, prefix, since, _, interest=None: with_capacity(log, prefix, since, 10, interest))
        slow, quick = await api.connect(), await api.connect()
        _room(slow, 1 << 16)
        for client in (slow, quick):
            await client.send("GET", f"{MAPS}?watch=1&resourceVersion={api.server.store.revision}")
            await client.reader.readuntil(b"\r\n\r\n")
        for index in range(60):
            await api.ok("POST", MAPS, config_map(f"m{index:02}", filler="x" * 200_000))
            assert await _take(quick, 1) == [f"m{index:02}"]
        rest = b""
        async with asyncio.timeout(10):
            while size := int(await slow.reader.readline(), 16):
                rest += (await slow.reader.readexactly(size + 2))[:-2]
        taken = [json.loads(line)["object"]["metadata"]["name"] for line in rest.splitlines()]
        assert taken == [f"m{index:02}" for index in range(len(taken))], "its stream ends in order, with nothing left out before"
        assert len(taken) < 60
        await api.ok("POST", MAPS, config_map("last"))
        assert await _take(quick, 1) == ["last"]


async def test_old_and_new_http_in_one_group(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        new = await api.watch(f"{MAPS}?watch=1&resourceVersion={api.server.store.revision}")
        old = await api.connect()
        old.writer.write(f"GET {MAPS}?watch=1&resourceVersion={api.server.store.revision} HTTP/1.0\r\n\r\n".encode())
        await old.reader.readuntil(b"\r\n\r\n")
        await api.ok("POST", MAPS, config_map("a"))
        assert await new.names(1) == [("ADDED", "a")]
        line = json.loads(await old.reader.readline())
        assert (line["type"], line["object"]["metadata"]["name"]) == ("ADDED", "a")
        assert len(api.server.registry.groups._groups) == 1


async def test_watchers_of_nodes_are_found_by_the_node(tmp_path: Path) -> None:
    """A kubelet is not woken for the pods of others."""
    async with running(tmp_path) as api:
        base = await api.namespace("w")
        watches = [await api.watch(f"{base}/pods?watch=1&resourceVersion=1&fieldSelector=spec.nodeName%3Dn{n}") for n in range(5)]
        await api.ok("GET", f"{base}/pods")
        found: Any = api.server.store
        (interested,) = found._log.fanout._interested[PODS.storage_prefix + "w/"].values()
        assert set(interested) == {f"n{n}" for n in range(5)}
        await api.ok("POST", f"{base}/pods", pod("p", nodeName="n3"))
        assert await watches[3].names(1) == [("ADDED", "p")]
        await api.ok("DELETE", f"{base}/pods/p?gracePeriodSeconds=0")
        assert (await watches[3].names(1))[0][1] == "p"
        for n in (0, 1, 2, 4):
            assert await watches[n].silent(0.05)
        for each in watches:
            await each.close()
        async with asyncio.timeout(20):
            while PODS.storage_prefix + "w/" in found._log.fanout._interested:
                await api.ok("GET", f"{base}/pods")


SHARED = [
    *((MAPS, accept) for accept in ("application/json", PARTIAL, TABLE, PROTOBUF, PARTIAL.replace("application/json", PROTOBUF))),
    *((WIDGETS, accept) for accept in ("application/json", PARTIAL, TABLE, PARTIAL.replace("application/json", PROTOBUF))),
]


@pytest.mark.parametrize(("path", "accept"), SHARED)
async def test_an_event_is_rendered_once_for_all_who_see_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, accept: str
) -> None:
    rendered: list[bytes] = []
    event = render.Renderer.event

    def counted(renderer: render.Renderer, kind: bytes, value: bytes, revision: int, *, columns: bool = False) -> bytes:
        rendered.append(kind)
        return event(renderer, kind, value, revision, columns=columns)

    monkeypatch.setattr(render.Renderer, "event", counted)
    async with running(tmp_path) as api:
        await define(api, definition())
        watches = [await api.watch(f"{path}?watch=1&resourceVersion={api.server.store.revision}", Accept=accept) for _ in range(4)]
        for name in ("a", "b", "c"):
            await api.ok("POST", path, widget(name) if path == WIDGETS else config_map(name))
            del rendered[:-1]
            for watch in watches:
                await watch.chunk()
        assert rendered == [b"ADDED"], "the first table of each stream is its own"
        assert any(len(group._members) == 4 for group in api.server.registry.groups._groups.values())


async def test_watchers_of_a_custom_resource_share_until_its_definition_changes(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        other = version("v2", storage=False)
        found = await define(api, definition("widgets", "Widget", version(), other))
        second = WIDGETS.replace("/v1/", "/v2/")
        watches = [(path.split("/")[3], await api.watch(f"{path}?watch=1")) for path in (WIDGETS, WIDGETS, second, second)]
        tables = [await api.watch(f"{WIDGETS}?watch=1", Accept=TABLE) for _ in range(2)]
        for index in range(3):
            await api.ok("POST", WIDGETS, widget(f"w{index}"))
            for api_version, watch in watches:
                event = await watch.event()
                assert event
                assert (event["object"]["metadata"]["name"], event["object"]["apiVersion"][-2:]) == (f"w{index}", api_version)
            for watch in tables:
                event = await watch.event()
                assert event
                assert (event["object"]["rows"][0]["cells"][0], bool(event["object"]["columnDefinitions"])) == (f"w{index}", index == 0)
        assert sorted(len(group._members) for group in api.server.registry.groups._groups.values() if len(group._members) > 1) == [2, 2, 2]
        schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}
        latest = await api.ok("GET", f"{CRDS}/{found['metadata']['name']}")
        await api.ok(
            "PUT",
            f"{CRDS}/{found['metadata']['name']}",
            {**latest, "spec": {**latest["spec"], "versions": [version(schema=schema), other]}},
        )
        for watch in (*(watch for _, watch in watches), *tables):
            assert await watch.event() is None, "it ends, with no error"


async def test_what_has_no_protobuf_is_not_watched_as_such(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await define(api, definition())
        for path in (WIDGETS, f"{WIDGETS}?watch=1"):
            answer = await api("GET", path, Accept=PROTOBUF)
            told: Any = protobuf.decode(answer.raw, Status)
            assert (answer.status, told.reason) == (406, "NotAcceptable")
