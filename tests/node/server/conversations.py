"""What is asked of exec, cp, port-forward, logs and attach, by the real kubectl, over WebSocket and over SPDY."""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass
from pathlib import Path

SPEC = """
containers:
- name: c
  image: sagong.local/hello:1.0
  command: [sh, -c, "echo started; httpd -p 8081 -h /etc; while read line; do echo got $line; done; sleep 1000"]
  stdin: true
terminationGracePeriodSeconds: 0
"""
TRANSPORTS = ["websocket", "spdy"]


@dataclass
class Cluster:
    """A pod to talk to, and kubectl with the arguments that reach it."""

    options: list[str]
    pod: str
    folder: Path

    async def start(self, *arguments: str, transport: str = "websocket") -> asyncio.subprocess.Process:
        wanted = "true" if transport == "websocket" else "false"
        choice = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": wanted, "KUBECTL_PORT_FORWARD_WEBSOCKETS": wanted}
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            "kubectl", *self.options, *arguments, stdin=pipe, stdout=pipe, stderr=pipe, env={**os.environ, **choice}
        )

    async def kubectl(self, *arguments: str, stdin: bytes = b"", transport: str = "websocket") -> tuple[int, str, str]:
        process = await self.start(*arguments, transport=transport)
        async with asyncio.timeout(30):
            out, err = await process.communicate(stdin)
        return process.returncode or 0, out.decode(), err.decode()


async def check_all(there: Cluster, folder: Path) -> None:
    """Try everything over both transports."""
    for transport in TRANSPORTS:
        await check_exec(there, transport)
        await check_copy(there, transport, folder)
        await check_port_forward(there, transport)
    await check_logs(there)
    for transport in TRANSPORTS:
        await check_attach(there, transport)
        await check_terminal(there, transport)


async def check_exec(there: Cluster, transport: str) -> None:
    pod = there.pod
    assert await there.kubectl("exec", pod, "--", "echo", "hi", transport=transport) == (0, "hi\n", "")
    code, out, err = await there.kubectl("exec", pod, "--", "sh", "-c", "echo out; echo err >&2; exit 3", transport=transport)
    assert (code, out, err) == (3, "out\n", "err\ncommand terminated with exit code 3\n")
    big = os.urandom(1 << 20).hex().encode()
    code, out, err = await there.kubectl("exec", "-i", pod, "--", "cat", stdin=big, transport=transport)
    assert (code, len(out), out == big.decode()) == (0, len(big), True), err
    code, out, err = await there.kubectl("exec", pod, "--", "no-such-command", transport=transport)
    assert code in (1, 126, 127), (code, out, err)
    assert "no-such-command" in err
    assert (await there.kubectl("exec", pod, "-c", "nope", "--", "true", transport=transport))[0] == 1


async def check_copy(there: Cluster, transport: str, folder: Path) -> None:
    source = folder / "source"
    source.write_bytes(os.urandom(300_000))
    code, _, err = await there.kubectl("cp", str(source), f"{there.pod}:/tmp/copied", transport=transport)
    assert code == 0, err
    code, _, err = await there.kubectl("cp", f"{there.pod}:/tmp/copied", str(folder / "back"), transport=transport)
    assert code == 0, err
    assert (folder / "back").read_bytes() == source.read_bytes()


async def check_port_forward(there: Cluster, transport: str) -> None:
    process = await there.start("port-forward", f"pod/{there.pod}", ":8081", transport=transport)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(10):
            line = (await process.stdout.readline()).decode()
        port = int(re.findall(r"127.0.0.1:(\d+) -> 8081", line)[0])
        answers = await asyncio.gather(*(fetch(port) for _ in range(5)))
        assert all(b"root:" in answer for answer in answers)
        assert process.returncode is None
    finally:
        process.terminate()
        await process.communicate()


async def fetch(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /passwd HTTP/1.0\r\n\r\n")
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def check_logs(there: Cluster) -> None:
    assert await there.kubectl("logs", there.pod) == (0, "started\n", "")
    _, stamped, _ = await there.kubectl("logs", there.pod, "--timestamps")
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d) started\n", stamped)
    assert (await there.kubectl("logs", there.pod, "--previous"))[0] == 1


async def check_attach(there: Cluster, transport: str) -> None:
    follower = await there.start("logs", "-f", "--tail=0", there.pod)
    attached = await there.start("attach", "-i", there.pod, transport=transport)
    assert attached.stdin is not None
    assert attached.stdout is not None
    assert follower.stdout is not None
    try:
        async with asyncio.timeout(15):
            await asyncio.sleep(1)
            attached.stdin.write(f"{transport}\n".encode())
            assert (await attached.stdout.readline()).decode() == f"got {transport}\n"
            assert (await follower.stdout.readline()).decode() == f"got {transport}\n"
    finally:
        for process in (attached, follower):
            process.terminate()
            await process.communicate()


async def check_terminal(there: Cluster, transport: str) -> None:
    kubectl = " ".join(["kubectl", *there.options])
    inner = f"stty rows 33 cols 101; {kubectl} exec -it {there.pod} -- sh -c 'sleep 0.5; stty size; tty'"
    environment = {**os.environ, "KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "true" if transport == "websocket" else "false"}
    process = await asyncio.create_subprocess_exec(
        "script", "-qec", inner, "/dev/null", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=environment
    )
    async with asyncio.timeout(20):
        out, _ = await process.communicate()
    assert b"33 101" in out, out
    assert b"/dev/pts/" in out
