"""The API server as a process, in an interpreter of its own: what is loaded when it answers first, and how it ends when it cannot start."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import msgspec

from sagong.cluster import certificates, component_configs
from sagong.cluster.clock import RealClock
from sagong.cluster.config import ClusterConfig

# Runs the server, asks for /readyz as its administrator, prints what is loaded then, and stops it.
_SCRIPT = """
import asyncio, json, ssl, sys
from sagong.cluster import apiserver

asked, report = sys.argv.pop(), {}
original = apiserver._server

async def observed():
    made = await original()
    from sagong.server.registry import serving
    serving.warm = lambda: None  # comes later, and is no part of this

    class Observed(made):
        async def serve(self):
            async with asyncio.TaskGroup() as group:
                group.create_task(self.look())
                await super().serve()

        async def look(self):
            await self.ready.wait()
            context = ssl.create_default_context(cafile=f"{asked}/ca.crt")
            context.load_cert_chain(f"{asked}/admin.crt", f"{asked}/admin.key")
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context)
            writer.write(b"GET /readyz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
            report["answer"] = (await reader.read()).decode()
            report["modules"] = sorted(sys.modules)
            report["dataclasses"] = sorted({
                f"{found.__module__}.{found.__name__}"
                for module in list(sys.modules.values()) if module.__name__.startswith("sagong.")
                for found in list(vars(module).values())
                if isinstance(found, type) and found.__module__.startswith("sagong.") and "__dataclass_fields__" in vars(found)
            })
            self.stop()

    return Observed

apiserver._server = observed
code = apiserver.main()
print(json.dumps(report))
sys.exit(code)
"""

LATER = (  # what a server needs for writes, for some requests, or never
    "csv",
    "difflib",
    "google",
    "grpc",
    "html",
    "numpy",
    "re2",
    "yaml",
    "sagong.api.cel",
    "sagong.api.codec",
    "sagong.api.custom",
    "sagong.api.defaults",
    "sagong.api.fields.conflicts",
    "sagong.api.fields.manager",
    "sagong.api.fields.merge",
    "sagong.api.fields.scale",
    "sagong.api.fields.track",
    "sagong.api.fields.validate",
    "sagong.api.openapi.documents",
    "sagong.api.patch",
    "sagong.api.policies",
    "sagong.api.printers",
    "sagong.api.protobuf",
    "sagong.api.streams",
    "sagong.api.validation",
    "sagong.api.yaml_decode",
    "sagong.api.flags",
    "sagong.api.zpages",
    "sagong.client",
    "sagong.server.admission.plugins",
    "sagong.server.aggregation.proxy",
    "sagong.server.audit",
    "sagong.server.authn.configured",
    "sagong.server.authz.configured",
    "sagong.server.authz.escalation",
    "sagong.server.connect.connector",
    "sagong.server.custom.kind",
    "sagong.server.flags",
    "sagong.server.flowcontrol.dumps",
    "sagong.server.registry.write",
    "sagong.server.websockets",
    "sagong.store.encryption",
    "sagong.store.etcd",
)
# Making one takes as long as ten Structs.
DATACLASSES = {
    "sagong.api.resources.Resource",
    "sagong.api.resources.Sub",
    "sagong.server.registry.options.ListOptions",
    "sagong.server.registry.registry.Registry",
}


def settings(directory: Path, port: int) -> str:
    cluster = ClusterConfig(node_name="test", node_ip="127.0.0.1", data_dir=str(directory), api_port=port)
    (directory / "store").mkdir()
    certificates.ensure(cluster, RealClock().now())
    file = directory / "apiserver.json"
    file.write_bytes(msgspec.json.encode(component_configs.apiserver(cluster)))
    return str(file)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-P", *arguments], capture_output=True, text=True, check=False, timeout=60)


def test_answers_before_it_has_loaded_what_only_other_requests_need(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ended = run("-c", _SCRIPT, "--config", settings(tmp_path, port), str(tmp_path / "pki"))
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert report["answer"].startswith("HTTP/1.1 200 OK")
    loaded = [name for name in report["modules"] for later in LATER if name == later or name.startswith(f"{later}.")]
    assert not loaded
    assert set(report["dataclasses"]) <= DATACLASSES


def test_says_in_one_line_why_it_cannot_start(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run("-m", "sagong.cluster.apiserver", "--config", settings(tmp_path, port))
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith(f"kube-apiserver cannot start: [Errno 98] cannot listen on 0.0.0.0:{port}: ")
    assert "Traceback" not in ended.stderr
