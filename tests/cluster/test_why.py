"""`sagong why` against a real API server."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.scheduler.rig import NAMESPACE, scheduling

from sagong.cli.operations import OperationError
from sagong.client.config import ClientConfig
from sagong.cluster import why


async def test_why(tmp_path: Path) -> None:
    async with scheduling(tmp_path) as rig:
        config = ClientConfig(
            f"https://127.0.0.1:{rig.api.server.port}",
            ca=Path(rig.api.pki.path("ca.crt")).read_bytes(),
            cert=(rig.api.pki.path("admin.crt"), rig.api.pki.path("admin.key")),
        )
        await rig.nodes("a")
        await rig.pod("small", cpu="500m")
        await rig.pod("big", cpu="2")
        assert await rig.bound("small") == "a"
        assert (await why.why(config, NAMESPACE, "small")).summary == "pod t/small is on node a."
        message = await rig.refused("big")
        answer = await why.why(config, NAMESPACE, "big")
        assert answer.summary == f"pod t/big is not scheduled: {message}"
        assert answer.smallest == "on node a, ask for 500m less cpu, or free as much on the node"
        assert [(node.node, list(node.objections)) for node in answer.nodes] == [
            ("a", [("NodeResourcesFit", "Insufficient cpu", "ask for 500m less cpu, or free as much on the node")])
        ]
        with pytest.raises(OperationError, match='pods "none" not found'):
            await why.why(config, NAMESPACE, "none")
