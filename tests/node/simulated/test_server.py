"""What the server of simulated nodes answers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import yaml
from tests.network.api import background
from tests.node.simulated.test_fleet import cluster, pod, reaches

from sagong.cluster import certificates
from sagong.cluster.config import ClusterConfig
from sagong.node.server.app import Tls
from sagong.node.server.auth import AuthSettings, Gatekeeper
from sagong.node.simulated.server import SimulatedServer
from sagong.node.simulated.settings import SimulationSettings, load


@asynccontextmanager
async def served(directory: Path) -> AsyncIterator[tuple[int, Path]]:
    """Run a pod `a` with a container `c` on simulated nodes; yield the server's port and where certificates are."""
    config = ClusterConfig(node_name="here", node_ip="127.0.0.1", data_dir=str(directory), simulated=True)
    async with cluster(directory) as (client, made):
        certificates.ensure(config, datetime.now(UTC))
        await client.create(pod("a"))
        await reaches(client, "a", "Running", ready=True)
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        server = SimulatedServer(made, Gatekeeper(client, "sim-0", client.clock, AuthSettings()))
        pki = config.pki
        tls = Tls(str(pki / "simulated-nodes.crt"), str(pki / "simulated-nodes.key"), str(pki / "ca.crt"))
        async with background(server.run("127.0.0.1", 0, tls, port.set_result)):
            yield await port, pki


async def ask(port: int, pki: Path, path: str, *, user: str = "admin", method: str = "GET") -> tuple[int, str]:
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    if user:
        context.load_cert_chain(pki / f"{user}.crt", pki / f"{user}.key")
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body.decode()


async def test_the_server_tells_what_there_is(tmp_path: Path) -> None:
    async with served(tmp_path) as (port, pki):
        assert await ask(port, pki, "/healthz", user="") == (200, "ok")
        assert (await ask(port, pki, "/pods", user=""))[0] == 401
        assert (await ask(port, pki, "/pods"))[0] == 200
        code, text = await ask(port, pki, "/containerLogs/default/a/c")
        assert (code, text.startswith("simulated on node sim-0: runs since 20")) == (200, True)
        assert (await ask(port, pki, "/containerLogs/default/a/other"))[0] == 400
        assert (await ask(port, pki, "/containerLogs/default/nobody/c"))[0] == 404
        assert (await ask(port, pki, "/nothing"))[0] == 404


@pytest.mark.parametrize(("path", "what"), [("exec", "exec in"), ("attach", "attach to"), ("portForward", "port-forward to")])
async def test_streams_are_refused_in_words_that_kubectl_shows(tmp_path: Path, path: str, what: str) -> None:
    async with served(tmp_path) as (port, pki):
        code, text = await ask(port, pki, f"/{path}/default/a/c", method="POST")
        assert (code, text.strip()) == (501, f"pod default/a runs on the simulated node sim-0, which has no process to {what}")
        assert isinstance(yaml.safe_load(text), str)  # kubectl looks whether the text is an object


@pytest.mark.parametrize("text", ["{", '{"cpus": "x"}', '{"speed": 1}', '{"behaviour": {"startSeconds": "soon"}}'])
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "simulated.json"
    path.write_text(text)
    with pytest.raises(Exception, match="not valid"):
        load(str(path))
    path.write_bytes(msgspec.json.encode(SimulationSettings()))
    assert load(str(path)) == SimulationSettings()
