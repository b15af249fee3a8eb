"""What the server says that it serves."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import yaml
from tests.server.harness import running

from sagong.api import protobuf
from sagong.api.types.base import ApiStruct
from sagong.api.types.meta import APIGroup, APIGroupList, APIResourceList, APIVersions
from sagong.server.negotiation import PROTOBUF, YAML


@pytest.mark.parametrize("path", ["/api", "/apis", "/api/v1", "/apis/apps", "/apis/apps/v1", "/version"])
async def test_a_slash_at_the_end_changes_nothing(tmp_path: Path, path: str) -> None:
    async with running(tmp_path) as api:
        plain = await api("GET", path)
        assert plain.status == 200
        assert (await api("GET", path + "/")).raw == plain.raw


async def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        for path in ("/api/v2", "/apis/nope", "/apis/apps/v9", "/apis/nope/v1", "/nope"):
            assert (await api("GET", path)).status == 404, path


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/api", APIVersions),
        ("/apis", APIGroupList),
        ("/api/v1", APIResourceList),
        ("/apis/apps", APIGroup),
        ("/apis/apps/v1", APIResourceList),
    ],
)
async def test_documents_are_served_in_protobuf_and_yaml(tmp_path: Path, path: str, kind: type[ApiStruct]) -> None:
    async with running(tmp_path) as api:
        plain = await api.ok("GET", path)
        packed = await api("GET", path, Accept=PROTOBUF)
        assert dict(packed.headers)["Content-Type"] == PROTOBUF
        assert msgspec.to_builtins(protobuf.decode(packed.raw, kind)) == plain
        written = await api("GET", path, Accept=YAML)
        assert yaml.safe_load(written.raw) == plain
        assert (await api("GET", path, Accept="application/json;as=Nothing,application/json")).body == plain
        refused = await api("GET", path, Accept="text/turtle")
        assert (refused.status, refused.body["reason"]) == (406, "NotAcceptable")
