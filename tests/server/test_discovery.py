"""What the server says that it serves."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.harness import running


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
