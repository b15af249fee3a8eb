"""Selections answered from an index are those that looking at each object would give, whatever was written before."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from tests.server.harness import config_map, pod, running

from sagong.api import field_selectors, selectors
from sagong.api.resources import TABLE, Resource, ResourceTable, resource_of
from sagong.api.types.core import Pod, PodIP
from sagong.cluster.clock import RealClock
from sagong.server.registry import indexes
from sagong.server.registry.attributes import OF_THE_KEY, Reader
from sagong.server.registry.indexes import Indexes
from sagong.server.registry.selection import Selection
from sagong.server.registry.storage import Storage
from sagong.store.base import SlowWatcherError, Write
from sagong.store.sqlite import SqliteStore

PODS = resource_of(Pod)
LABELS, VALUES = ("app", "tier", "n"), ("", "a", "b", "1", "2", "30")
labels = st.dictionaries(st.sampled_from(LABELS), st.sampled_from(VALUES), max_size=3)
names = st.tuples(st.sampled_from(("ns1", "ns2")), st.sampled_from("abcdefgh"))
requirements = st.one_of(
    st.builds(
        lambda key, op, value: f"{key}{op}{value}", st.sampled_from(LABELS), st.sampled_from(("=", "==", "!=")), st.sampled_from(VALUES)
    ),
    st.builds(lambda key, op, n: f"{key}{op}{n}", st.sampled_from(LABELS), st.sampled_from("<>"), st.integers(0, 40)),
    st.builds(lambda key, absent: f"{absent}{key}", st.sampled_from(LABELS), st.sampled_from(("", "!"))),
    st.builds(
        lambda key, op, values: f"{key} {op} ({','.join(values)})",
        st.sampled_from(LABELS),
        st.sampled_from(("in", "notin")),
        st.lists(st.sampled_from(VALUES), min_size=1, max_size=3),
    ),
)
terms = st.builds(
    lambda field, op, value: f"{field}{op}{value}",
    st.sampled_from(
        (
            "spec.nodeName",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "spec.hostNetwork",
            "spec.host",
            "metadata.name",
            "metadata.namespace",
        )
    ),
    st.sampled_from(("=", "==", "!=")),
    st.sampled_from(("", "a", "b", "ns1", "Running", "true", "false", "10.0.0.1")),
)
selections = st.tuples(st.lists(requirements, max_size=3).map(",".join), st.lists(terms, max_size=2).map(",".join)).filter(any)


@st.composite
def pods(draw: st.DrawFn) -> Pod:
    made = Pod(apiVersion="v1", kind="Pod")
    made.metadata.labels = draw(labels)
    made.spec.nodeName = draw(st.sampled_from(("", "a", "b")))
    made.spec.hostNetwork = draw(st.booleans())
    made.status.phase = draw(st.sampled_from(("", "Pending", "Running")))
    made.status.podIPs = draw(st.sampled_from(([], [PodIP(ip="10.0.0.1")], [PodIP(ip="10.0.0.2"), PodIP(ip="10.0.0.1")])))
    return made


class SelectionMachine(RuleBasedStateMachine):
    """Writes, compactions and broken-off watches between selections."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = tempfile.TemporaryDirectory()
        self.store = self.loop.run_until_complete(SqliteStore.open(Path(self.directory.name) / "store", durable=False))
        self.storage = Storage(self.store, ResourceTable())
        self.indexes = Indexes(self.storage, RealClock())
        self.live: dict[str, Pod] = {}

    def teardown(self) -> None:
        self.loop.run_until_complete(self.store.close())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        self.directory.cleanup()

    @initialize(made=st.dictionaries(names, pods()))
    def begin(self, made: dict[tuple[str, str], Pod]) -> None:
        for name, obj in made.items():
            self.put(name, obj)

    @rule(name=names, obj=pods())
    def put(self, name: tuple[str, str], obj: Pod) -> None:
        obj = obj.copy()
        obj.metadata.namespace, obj.metadata.name = name
        key = PODS.storage_key(*name)
        entry = self.store.get(key)
        self.write(Write(key, self.storage.encode(PODS, obj), entry.revision if entry else 0))
        self.live[key] = obj

    @rule(name=names)
    def delete(self, name: tuple[str, str]) -> None:
        key = PODS.storage_key(*name)
        if (entry := self.store.get(key)) is not None:
            self.write(Write(key, None, entry.revision))
            del self.live[key]

    def write(self, write: Write) -> None:
        self.loop.run_until_complete(self.store.write_all([write]))

    @rule()
    def lose_watches(self) -> None:
        self.store._log.fanout.fail(SlowWatcherError("as a store does that has lost its medium's history"))

    @rule(asked=selections, namespace=st.sampled_from(("", "ns1", "ns2", "ns3")), start=st.sampled_from("abe"), most=st.integers(0, 3))
    def select(self, asked: tuple[str, str], namespace: str, start: str, most: int) -> None:
        wanted, fields = selectors.parse(asked[0]), field_selectors.parse_for(asked[1], PODS)
        chosen = Selection(self.indexes.reader(PODS), wanted, fields)
        prefix = f"{PODS.storage_prefix}{namespace}/" if namespace else PODS.storage_prefix
        expected = [
            key
            for key, obj in sorted(self.live.items())
            if key.startswith(prefix) and wanted.matches(obj.metadata.labels) and fields.matches(obj)
        ]
        each = [e.key for e in self.store.list(prefix) if chosen.matcher and chosen.matcher(e.key, e.value, e.revision)]
        assert each == expected
        index = self.indexes.of(PODS, chosen)
        assert (index is None) == (not asked[0] and not chosen.terms)
        if index is not None:
            at = PODS.storage_key("ns1", start)
            found = self.loop.run_until_complete(index.select(prefix, chosen, at, most))
            assert [e.key for e in found] == [key for key in expected if key >= at][: most or None]
            assert all(self.store.get(e.key) == e for e in found)


TestSelections = SelectionMachine.TestCase
TestSelections.settings = settings(max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize(("noted", "step"), [(2, 1), (20_000, 3)])
def test_selections_hold_when_an_index_is_given_up_and_made_in_small_steps(monkeypatch: pytest.MonkeyPatch, noted: int, step: int) -> None:
    monkeypatch.setattr(indexes, "MOST_NOTED", noted)
    monkeypatch.setattr(indexes, "STEP", step)
    machine = SelectionMachine()
    try:
        for n in range(12):
            machine.put(("ns1", "abcdefghijkl"[n]), Pod(apiVersion="v1", kind="Pod"))
            machine.select(("!app", ""), "", "a", 0)
        for n in range(12):
            obj = Pod(apiVersion="v1", kind="Pod")
            obj.metadata.labels = {"app": "x"}
            machine.put(("ns1", "abcdefghijkl"[n]), obj)
            if n % 4 == 0:
                machine.select(("app=x", ""), "ns1", "a", 0)
        machine.select(("app", "status.phase="), "ns1", "a", 0)
    finally:
        machine.teardown()


async def test_what_is_written_while_an_index_is_made_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexes, "STEP", 1)
    store = await SqliteStore.open(tmp_path / "store", durable=False)
    storage = Storage(store, ResourceTable())
    found = Indexes(storage, RealClock())

    async def put(name: str, node: str) -> None:
        obj = Pod(apiVersion="v1", kind="Pod")
        obj.metadata.name, obj.metadata.namespace, obj.spec.nodeName = name, "ns", node
        key = PODS.storage_key("ns", name)
        entry = store.get(key)
        await store.write(key, storage.encode(PODS, obj), entry.revision if entry else 0)

    for n in range(50):
        await put(f"p{n}", "a")
    chosen = Selection(found.reader(PODS), selectors.EVERYTHING, field_selectors.parse_for("spec.nodeName=b", PODS))
    index = found.of(PODS, chosen)
    assert index is not None
    async with asyncio.TaskGroup() as group:
        first = [group.create_task(index.select(PODS.storage_prefix, chosen, "", 0)) for _ in range(3)]
        for n in range(50):
            await put(f"p{n}", "b" if n % 2 else "c")
    assert all(entry.key.startswith(PODS.storage_prefix) for task in first for entry in task.result())
    assert len(await index.select(PODS.storage_prefix, chosen, "", 0)) == 25
    await store.close()


def _rows() -> list[Resource]:
    return [row for row in TABLE if row.module is not None and set(field_selectors.selectable_fields(row)) - set(OF_THE_KEY)]


@pytest.mark.parametrize("row", _rows(), ids=lambda row: f"{row.group}.{row.plural}")
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_attributes_are_those_of_the_whole_object(row: Resource, data: st.DataObject) -> None:
    """Whatever fields are set: what is skipped must not be what is asked for."""
    storage = Storage(None, ResourceTable())  # type: ignore[arg-type] # nothing is read from it
    reader = Reader(storage, row)
    stored = storage.table.by_path("", "v1", "events") if row.plural == "events" else row
    assert stored is not None
    obj: Any = stored.type(apiVersion=stored.api_version, kind=stored.kind)
    for path in field_selectors.read_fields(stored.kind, field_selectors.selectable_fields(stored)):
        *above, name = path.split(".")
        at = obj
        for part in above:
            at = getattr(at, part)
        if at is not None and isinstance(getattr(at, name, None), str | bool | int):
            kind = type(getattr(at, name))
            setattr(at, name, data.draw({str: st.sampled_from(("", "x", 'y"\u00fc')), bool: st.booleans(), int: st.integers(0, 9)}[kind]))
    obj.metadata.labels = data.draw(labels)
    value = msgspec.json.encode(obj)
    read = reader.read(value, 7)
    served = storage.decode_served(row, value, 0)
    assert read.revision == 7
    assert read.labels == obj.metadata.labels
    assert read.fields == tuple(field_selectors.field_value(served, field) for field in reader.fields)


async def test_lists_with_selectors_in_pages_after_writes(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("pods")
        for n in range(6):
            await api.ok("POST", f"{base}/pods", pod(f"p{n}", nodeName="n1" if n % 2 else ""))

        async def listed(query: str) -> list[str]:
            found, token = [], ""
            while token is not None:
                page = await api.ok("GET", f"{base}/pods?{query}&limit=2" + (f"&continue={token}" if token else ""))
                found += [item["metadata"]["name"] for item in page["items"]]
                token = page["metadata"].get("continue")
            return found

        assert await listed("labelSelector=app%3Dx,!gone&fieldSelector=spec.nodeName%3Dn1") == ["p1", "p3", "p5"]
        first = await api.ok("GET", f"{base}/pods?labelSelector=app%3Dx&limit=2")
        await api.ok("DELETE", f"{base}/pods/p2?gracePeriodSeconds=0")
        await api.ok("PATCH", f"{base}/pods/p3", {"metadata": {"labels": {"app": "y"}}}, Content_Type="application/merge-patch+json")
        assert await listed("labelSelector=app%3Dx") == ["p0", "p1", "p4", "p5"]
        rest = await api.ok("GET", f"{base}/pods?labelSelector=app%3Dx&continue={first['metadata']['continue']}")
        assert [item["metadata"]["name"] for item in rest["items"]] == ["p2", "p3", "p4", "p5"], "the pages are of one moment"


async def test_a_definition_that_changes_is_indexed_anew(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        version: dict[str, Any] = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
        names = {"plural": "boats", "singular": "boat", "kind": "Boat"}
        definition = {
            "metadata": {"name": "boats.example.com"},
            "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]},
        }
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        made = await api.ok("POST", path, definition)
        boats = "/apis/example.com/v1/namespaces/default/boats"
        async with asyncio.timeout(20):
            while (await api("GET", boats)).status != 200:
                pass
        for name, tier in (("a", "x"), ("b", "y")):
            body = config_map(name) | {"apiVersion": "example.com/v1", "kind": "Boat", "data": None, "spec": {"colour": tier}}
            body["metadata"]["labels"] = {"tier": tier}
            await api.ok("POST", boats, body)

        async def chosen(query: str) -> list[str]:
            return [item["metadata"]["name"] for item in (await api.ok("GET", f"{boats}?{query}"))["items"]]

        assert await chosen("labelSelector=tier%3Dx") == ["a"]
        assert (await api("GET", f"{boats}?fieldSelector=spec.colour%3Dy")).status == 400
        version["selectableFields"] = [{"jsonPath": ".spec.colour"}]
        version["schema"]["openAPIV3Schema"] |= {"properties": {"spec": {"type": "object", "properties": {"colour": {"type": "string"}}}}}
        made["spec"]["versions"] = [version]
        await api.ok("PUT", f"{path}/boats.example.com", await _latest(api, path, made))
        async with asyncio.timeout(20):
            while (await api("GET", f"{boats}?fieldSelector=spec.colour%3Dy")).status != 200:
                pass
        assert await chosen("fieldSelector=spec.colour%3Dy") == ["b"]
        assert await chosen("fieldSelector=spec.colour%3Dy&labelSelector=tier%3Dx") == []
        assert await chosen("labelSelector=tier!%3Dx") == ["b"]


async def _latest(api: Any, path: str, made: dict[str, Any]) -> dict[str, Any]:
    current: dict[str, Any] = await api.ok("GET", f"{path}/boats.example.com")
    current["spec"]["versions"] = made["spec"]["versions"]
    return current
