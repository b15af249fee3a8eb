"""Watches: nothing is missed, nothing is shown twice, and what a selector hides is hidden."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.server.harness import MERGE, TABLE, config_map, pod, running

MAPS = "/api/v1/namespaces/default/configmaps"


async def test_a_watch_goes_on_where_a_list_ended(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.ok("POST", MAPS, config_map("before"))
        listed = await api.ok("GET", MAPS)
        await api.ok("POST", MAPS, config_map("a"))
        watch = await api.watch(f"{MAPS}?watch=true&resourceVersion={listed['metadata']['resourceVersion']}")
        await api.ok("PATCH", f"{MAPS}/a", {"data": {"x": "1"}}, Content_Type=MERGE)
        await api.ok("DELETE", f"{MAPS}/a")
        events = [await watch.event() for _ in range(3)]
        assert [event["type"] for event in events if event] == ["ADDED", "MODIFIED", "DELETED"]
        versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events if event]
        assert versions == sorted(set(versions))
        last = events[2]
        assert last
        assert last["object"]["data"] == {"x": "1"}, "a deletion shows the last state"
        again = await api.watch(f"{MAPS}?watch=true&resourceVersion={versions[0]}")
        assert await again.names(2) == [("MODIFIED", "a"), ("DELETED", "a")]
        assert await watch.silent()


async def test_a_watch_from_nowhere_begins_with_what_is_there(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.ok("POST", MAPS, config_map("a"))
        watch = await api.watch(f"{MAPS}?watch=true")
        assert await watch.names(1) == [("ADDED", "a")]
        query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        listing = await api.watch(f"{MAPS}?watch=true&{query}")
        assert await listing.names(1) == [("ADDED", "a")]
        end = await listing.event()
        assert end
        assert end["type"] == "BOOKMARK"
        assert end["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        assert end["object"]["metadata"]["resourceVersion"] == str(api.server.store.revision)
        await api.ok("POST", MAPS, config_map("b"))
        assert await listing.names(1) == await watch.names(1) == [("ADDED", "b")]


async def test_selectors_turn_changes_into_comings_and_goings(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("w")
        watch = await api.watch(f"{base}/pods?watch=true&labelSelector=show%3Dyes")
        on_node = await api.watch(f"{base}/pods?watch=true&fieldSelector=spec.nodeName%3Dn1")
        await api.ok("POST", f"{base}/pods", pod("p"))
        await api.ok("PATCH", f"{base}/pods/p", {"metadata": {"labels": {"show": "yes"}}}, Content_Type=MERGE)
        await api.ok("PATCH", f"{base}/pods/p", {"metadata": {"labels": {"n": "1"}}}, Content_Type=MERGE)
        await api.ok("PATCH", f"{base}/pods/p", {"metadata": {"labels": {"show": "no"}}}, Content_Type=MERGE)
        assert await watch.names(3) == [("ADDED", "p"), ("MODIFIED", "p"), ("DELETED", "p")]
        assert await on_node.silent()
        binding = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n1"}}
        await api.ok("POST", f"{base}/pods/p/binding", binding)
        assert await on_node.names(1) == [("ADDED", "p")]
        one = await api.watch(f"{base}/pods?watch=true&fieldSelector=metadata.name%3Dother")
        assert await one.silent()


async def test_history_that_is_gone_is_an_error_event(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        old = (await api.ok("POST", MAPS, config_map("a")))["metadata"]["resourceVersion"]
        await api.ok("DELETE", f"{MAPS}/a")
        await api.server.store.compact(api.server.store.revision)
        watch = await api.watch(f"{MAPS}?watch=true&resourceVersion={old}")
        event = await watch.event()
        assert watch.status == 200
        assert event
        assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
        assert await watch.event() is None


async def test_tables_and_metadata_are_watched_too(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        watch = await api.watch(f"{MAPS}?watch=true", Accept=TABLE)
        names = await api.watch(f"{MAPS}?watch=true", Accept="application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io")
        for name in ("a", "b"):
            await api.ok("POST", MAPS, config_map(name, x="1"))
        first, second = await watch.event(), await watch.event()
        assert first
        assert second
        assert [column["name"] for column in first["object"]["columnDefinitions"]] == ["Name", "Data", "Age"]
        assert not second["object"]["columnDefinitions"], "only the first table of a stream has its columns"
        assert second["object"]["rows"][0]["cells"][:2] == ["b", 1]
        partial = await names.event()
        assert partial
        assert partial["object"]["kind"] == "PartialObjectMetadata"


async def test_a_watch_ends_in_time_and_with_the_server(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        short = await api.watch(f"{MAPS}?watch=true&timeoutSeconds=1")
        assert await short.event() is None
        open_end = await api.watch(f"{MAPS}?watch=true")
        asyncio.get_running_loop().call_soon(api.server.stop)
        assert await open_end.event() is None, "a stream is ended, not cut off"
        assert await open_end.client.reader.read() == b"", "and the server does not wait for the client"


async def test_many_watchers_see_the_same(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        watches = [await api.watch(f"{MAPS}?watch=true") for _ in range(20)]
        for index in range(10):
            await api.ok("POST", MAPS, config_map(f"m{index}"))
        for watch in watches:
            assert [name for _, name in await watch.names(10)] == [f"m{index}" for index in range(10)]


async def test_a_client_that_goes_leaves_no_watch_behind(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        watch = await api.watch(f"{MAPS}?watch=true")
        await api.ok("GET", MAPS)
        before = len(api.server.http.connections)
        await watch.close()
        async with asyncio.timeout(20):
            while len(api.server.http.connections) >= before:
                await api.ok("GET", MAPS)


async def test_a_watch_from_anywhere_tells_where_the_present_ends(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.ok("POST", MAPS, config_map("a"))
        for query in ("", "&resourceVersion=0"):
            watch = await api.watch(f"{MAPS}?watch=1&allowWatchBookmarks=true{query}")
            first, end = await watch.event(), await watch.event()
            assert first
            assert end
            assert (first["type"], end["type"]) == ("ADDED", "BOOKMARK")
            assert end["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
            assert "creationTimestamp" not in end["object"]["metadata"]
        refused = await api("GET", f"{MAPS}?watch=1&continue=x")
        assert (refused.status, "forbidden when continue" in refused.body["message"]) == (422, True)


@pytest.mark.parametrize(
    ("query", "accept", "status", "message"),
    [
        ("?watch=1", "application/yaml", 406, "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"),
        ("?includeObject=X", TABLE, 400, 'Unable to convert to Table as requested: includeObject: Invalid value: "X": must be'),
        ("?continue=abc", "*/*", 400, "continue key is not valid: invalid character 'i' looking for beginning of value"),
    ],
)
async def test_what_is_asked_for_wrongly(tmp_path: Path, query: str, accept: str, status: int, message: str) -> None:
    async with running(tmp_path) as api:
        await api.ok("POST", MAPS, config_map("a"))
        answer = await api("GET", MAPS + query, Accept=accept)
        assert answer.status == status
        assert message in " ".join(answer.raw.decode().replace('\\"', '"').split())


async def test_a_table_without_objects_says_so(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.ok("POST", MAPS, config_map("a"))
        assert (await api.ok("GET", f"{MAPS}?includeObject=None", Accept=TABLE))["rows"][0]["object"] is None
