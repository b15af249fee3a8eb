"""Lists: pages, selectors, resource versions, and what happens when they are too old."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from tests.server.harness import TABLE, config_map, pod, running

from sagong.api import protobuf
from sagong.api.openapi.descriptions import COMMON
from sagong.api.protobuf import PROTOBUF
from sagong.api.types.core import ConfigMapList
from sagong.server.registry import registry, render, splice

PARTIAL = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

MAPS = "/api/v1/namespaces/default/configmaps"


async def test_pages_show_one_moment(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        for index in range(7):
            await api.ok("POST", MAPS, config_map(f"m{index}"))
        first = await api.ok("GET", f"{MAPS}?limit=3")
        assert first["metadata"]["remainingItemCount"] == 4
        await api.ok("POST", MAPS, config_map("m3-later"))
        await api.ok("DELETE", f"{MAPS}/m4")
        names, token = [item["metadata"]["name"] for item in first["items"]], first["metadata"]["continue"]
        while token:
            page = await api.ok("GET", f"{MAPS}?limit=3&continue={token}")
            assert page["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
            names += [item["metadata"]["name"] for item in page["items"]]
            token = page["metadata"].get("continue", "")
        assert names == [f"m{index}" for index in range(7)]


async def test_a_token_that_is_too_old_offers_another(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        for index in range(4):
            await api.ok("POST", MAPS, config_map(f"m{index}"))
        first = await api.ok("GET", f"{MAPS}?limit=2")
        await api.ok("DELETE", f"{MAPS}/m3")
        await api.server.store.compact(api.server.store.revision)
        answer = await api("GET", f"{MAPS}?limit=2&continue={first['metadata']['continue']}")
        assert (answer.status, answer.body["reason"]) == (410, "Expired")
        rest = await api.ok("GET", f"{MAPS}?limit=2&continue={answer.body['metadata']['continue']}")
        assert [item["metadata"]["name"] for item in rest["items"]] == ["m2"]
        exact = await api("GET", f"{MAPS}?resourceVersion={first['metadata']['resourceVersion']}&resourceVersionMatch=Exact")
        assert (exact.status, exact.body["message"]) == (410, "The resourceVersion for the provided list is too old.")


async def test_selectors(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("pods")
        for name, node, tier in (("a", "n1", "web"), ("b", "n2", "web"), ("c", "", "db")):
            body = pod(name, nodeName=node)
            body["metadata"]["labels"]["tier"] = tier
            await api.ok("POST", f"{base}/pods", body)
        for query, expected in {
            "labelSelector=tier%3Dweb": ["a", "b"],
            "labelSelector=tier%20in%20(db,x),app": ["c"],
            "labelSelector=!tier": [],
            "fieldSelector=spec.nodeName%3Dn2": ["b"],
            "fieldSelector=spec.nodeName!%3Dn2&labelSelector=tier%3Dweb": ["a"],
            "fieldSelector=metadata.name%3Dc": ["c"],
            "fieldSelector=status.phase%3DPending&limit=2": ["a", "b"],
        }.items():
            found = await api.ok("GET", f"{base}/pods?{query}")
            assert [item["metadata"]["name"] for item in found["items"]] == expected, query
        everywhere = await api.ok("GET", "/api/v1/pods?labelSelector=tier")
        assert len(everywhere["items"]) == 3
        wrong = await api("GET", f"{base}/pods?fieldSelector=spec.image%3Dx")
        assert (wrong.status, wrong.body["message"]) == (400, "field label not supported: spec.image")
        assert (await api("GET", f"{base}/pods?labelSelector=a%20b")).status == 400
        rows = await api.ok("GET", f"{base}/pods?fieldSelector=spec.nodeName%3Dn1", Accept=TABLE)
        assert [row["cells"][:3] for row in rows["rows"]] == [["a", "0/1", "Pending"]]


async def test_a_table_of_nothing_has_null_for_rows_where_the_kind_has_no_printer(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("pods")
        for plural, wanted in (("pods", []), ("limitranges", None)):
            table = await api.ok("GET", f"{base}/{plural}", Accept=TABLE)
            assert table["rows"] == wanted
            named, *_ = (column for column in table["columnDefinitions"] if column["name"] == "Name")
            assert named["description"] == COMMON["ObjectMeta", "name"]
        await api.ok("POST", f"{base}/limitranges", {"metadata": {"name": "a"}})
        table = await api.ok("GET", f"{base}/limitranges", Accept=TABLE)
        assert [row["cells"][0] for row in table["rows"]] == ["a"]


async def test_resource_versions_that_have_not_come_time_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "FRESH_SECONDS", 0.1)
    async with running(tmp_path) as api:
        answer = await api("GET", f"{MAPS}?resourceVersion=1000000")
        assert (answer.status, answer.body["reason"], answer.header("retry-after")) == (504, "Timeout", "1")
        assert answer.body["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
        for query, message in {
            "resourceVersionMatch=Exact": "resourceVersionMatch is forbidden unless resourceVersion is provided",
            "resourceVersion=0&resourceVersionMatch=Exact": 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
            "sendInitialEvents=true": "sendInitialEvents is forbidden for list",
        }.items():
            refused = await api("GET", f"{MAPS}?{query}")
            assert refused.status == 422
            assert message in refused.body["message"]


async def test_large_lists_are_compressed(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        for index in range(20):
            await api.ok("POST", MAPS, config_map(f"m{index}", filler="x" * 10_000))
        plain = await api("GET", MAPS)
        zipped = await api("GET", MAPS, Accept_Encoding="gzip")
        assert zipped.header("content-encoding") == "gzip"
        assert len(zipped.raw) < len(plain.raw) / 10


@pytest.mark.parametrize(
    "accept", ["application/json", TABLE, PARTIAL, PROTOBUF, f"{PROTOBUF};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"]
)
@pytest.mark.parametrize("count", [0, 1, 2, 30])
async def test_a_list_that_is_made_while_it_is_sent_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accept: str, count: int
) -> None:
    async with running(tmp_path) as api:
        for index in range(count):
            await api.ok("POST", MAPS, config_map(f"m{index:02}", filler="x" * 100 * (index % 4)))
        whole = await api("GET", MAPS, Accept=accept)
        monkeypatch.setattr(render, "GZIP_FROM", 0)
        monkeypatch.setattr(splice, "PIECE", 500)
        pieces = await api("GET", MAPS, Accept=accept)
        zipped = await api("GET", MAPS, Accept=accept, Accept_Encoding="gzip")
        assert (pieces.header("transfer-encoding"), zipped.header("content-encoding")) == ("chunked", "gzip")
        assert whole.header("content-type") == pieces.header("content-type")
        unzipped = gzip.decompress(zipped.raw)
        if accept == TABLE:  # ages go on
            for same in (pieces.body, json.loads(unzipped)):
                assert [row["object"] for row in same["rows"]] == [row["object"] for row in whole.body["rows"]]
                assert same["columnDefinitions"] == whole.body["columnDefinitions"]
        else:
            assert whole.raw == pieces.raw == unzipped
        if accept == PROTOBUF:
            listed: Any = protobuf.decode(pieces.raw, ConfigMapList)
            assert [item.metadata.name for item in listed.items] == [f"m{index:02}" for index in range(count)]


async def test_others_are_served_while_a_client_takes_a_large_list_slowly(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        for index in range(40):
            await api.ok("POST", MAPS, config_map(f"m{index:02}", filler="x" * 500_000))
        slow = await api.connect()
        await slow.send("GET", MAPS)
        await slow.reader.readuntil(b"\r\n\r\n")
        first = (await api.ok("GET", f"{MAPS}/m00"))["metadata"]["resourceVersion"]
        for index in range(40):
            await api.ok("DELETE", f"{MAPS}/m{index:02}")
        (connection,) = (c for c in api.server.http.connections if c.transport.get_write_buffer_size() > 0)
        assert connection.transport.get_write_buffer_size() < 2_000_000, "no more than a few pieces wait for a client"
        size, text = -1, b""
        while size:
            size = int(await slow.reader.readline(), 16)
            text += (await slow.reader.readexactly(size + 2))[:-2]
        listed = json.loads(text)
        assert len(listed["items"]) == 40, "a list is of the moment when it was asked for"
        assert listed["items"][0]["metadata"]["resourceVersion"] == first


async def test_delete_collection_takes_what_is_selected(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        for name, label in (("a", "x"), ("b", "x"), ("c", "y")):
            body = config_map(name)
            body["metadata"]["labels"] = {"l": label}
            await api.ok("POST", MAPS, body)
        gone = await api.ok("DELETE", f"{MAPS}?labelSelector=l%3Dx")
        assert [item["metadata"]["name"] for item in gone["items"]] == ["a", "b"]
        assert [item["metadata"]["name"] for item in (await api.ok("GET", MAPS))["items"]] == ["c"]
