"""What no careful client sends: each is refused with the status that it deserves, and the server goes on serving, no larger than before."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.server.harness import MERGE, STRATEGIC, Api, Client, Pki, config_map, pod, running

APPLY, JSON_PATCH = "application/apply-patch+yaml", "application/json-patch+json"
YAML = "application/yaml"
MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
LIMIT = 3 * 1024 * 1024
DEEP = 100_000


@dataclass(frozen=True)
class Bad:
    """A request, and what it may be answered with."""

    name: str
    method: str
    path: str
    body: Callable[[], bytes] = bytes
    headers: dict[str, str] = field(default_factory=dict)
    status: Sequence[int] = (400,)
    reason: str = ""


def as_type(media: str) -> dict[str, str]:
    return {"Content_Type": media}


def laughs() -> bytes:
    lines = ['a0: &a0 ["x","x","x","x","x","x","x","x","x","x"]']
    lines += [f"a{level}: &a{level} [{','.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 12)]
    return "\n".join([*lines, "metadata: {name: bomb}", "data: *a11"]).encode()


def merge_laughs() -> bytes:
    lines = ["a0: &a0 {" + ",".join(f"k{key}: v" for key in range(50)) + "}"]
    lines += [f"a{level}: &a{level} {{<<: [{','.join([f'*a{level - 1}'] * 50)}]}}" for level in range(1, 6)]
    return "\n".join([*lines, "metadata: {name: bomb}"]).encode()


def nested(left: str, right: str, times: int = DEEP) -> str:
    return left * times + "1" + right * times


def amplified() -> bytes:
    start = [{"op": "add", "path": "/data/k0", "value": "x" * 100_000}]
    copies = [{"op": "copy", "from": "/data", "path": f"/metadata/annotations/a{number}"} for number in range(3)]
    doubling = [{"op": "copy", "from": "", "path": f"/data/c{number}"} for number in range(40)]
    return json.dumps([*start, *copies, *doubling]).encode()


def metadata(**values: Any) -> bytes:
    return json.dumps({"metadata": values}).encode()


BODIES = [
    Bad("alias bomb", "POST", MAPS, laughs, as_type(YAML)),
    Bad("alias bomb applied", "PATCH", f"{MAPS}/bomb?fieldManager=m", laughs, as_type(APPLY)),
    Bad("merge keys bomb", "POST", MAPS, merge_laughs, as_type(YAML)),
    Bad("alias to itself", "POST", MAPS, lambda: b"a: &a [*a]\nmetadata: {name: x}\n", as_type(YAML)),
    Bad("deep lists", "POST", MAPS, lambda: nested("[", "]").encode()),
    Bad("deep objects", "POST", MAPS, ('{"metadata":' + nested('{"a":', "}") + "}").encode),
    Bad("deep unknown field", "POST", PODS, ('{"metadata":{"name":"d"},"x":' + nested("[", "]") + "}").encode),
    Bad("deep YAML", "POST", MAPS, lambda: nested("[", "]").encode(), as_type(YAML)),
    Bad("deep YAML blocks", "POST", MAPS, lambda: b"".join(b" " * at + b"a:\n" for at in range(2000)), as_type(YAML)),
    Bad("deep merge patch", "PATCH", f"{MAPS}/there", ('{"data":' + nested('{"a":', "}") + "}").encode, as_type(MERGE)),
    Bad("deep strategic patch", "PATCH", f"{MAPS}/there", ('{"data":' + nested('{"a":', "}") + "}").encode, as_type(STRATEGIC)),
    Bad(
        "deep JSON patch",
        "PATCH",
        f"{MAPS}/there",
        ('[{"op":"add","path":"/data/x","value":' + nested("[", "]") + "}]").encode,
        as_type(JSON_PATCH),
    ),
    Bad("deep apply", "PATCH", f"{MAPS}/there?fieldManager=m", lambda: nested("{a: ", "}", 5000).encode(), as_type(APPLY)),
    Bad("copies of copies", "PATCH", f"{MAPS}/there", amplified, as_type(JSON_PATCH), (400, 413, 422)),
    Bad(
        "too many operations",
        "PATCH",
        f"{MAPS}/there",
        lambda: json.dumps([{"op": "test", "path": "/data/a", "value": "1"}] * 10_001).encode(),
        as_type(JSON_PATCH),
        (413,),
        "RequestEntityTooLarge",
    ),
    Bad("too long", "POST", MAPS, lambda: b" " * (LIMIT + 1), {}, (413,), "RequestEntityTooLarge"),
    Bad("no JSON", "POST", MAPS, lambda: b"\xff\xfe\x00"),
    Bad("nothing", "POST", MAPS, lambda: b""),
    Bad("null", "POST", MAPS, lambda: b"null", {}, (400, 422)),
    Bad("a list", "POST", MAPS, lambda: b"[]"),
    Bad("a number", "POST", MAPS, lambda: b"1"),
    Bad("invalid UTF-8", "POST", MAPS, lambda: b'{"metadata":{"name":"u"},"data":{"a":"\xff\xfe"}}', {}, (201, 400)),
    Bad("invalid UTF-8 in YAML", "POST", MAPS, lambda: b"metadata: {name: u}\ndata: {a: \xff\xfe}\n", as_type(YAML)),
    Bad("lone surrogate", "POST", MAPS, lambda: b'{"metadata":{"name":"s"},"data":{"a":"\\ud800"}}', {}, (201, 400)),
    Bad("NUL in a name", "POST", MAPS, lambda: metadata(name="a\0b"), {}, (422,), "Invalid"),
    Bad("NUL in a label", "POST", MAPS, lambda: metadata(name="a", labels={"k": "a\0b"}), {}, (422,), "Invalid"),
    Bad("NUL bytes in YAML", "POST", MAPS, lambda: b"metadata: {name: a\0b}\n", as_type(YAML)),
    Bad("traversal in a name", "POST", MAPS, lambda: metadata(name="../../secrets/default/x"), {}, (422,), "Invalid"),
    Bad("a dot as a name", "POST", MAPS, lambda: metadata(name=".."), {}, (422,), "Invalid"),
    Bad("traversal in generateName", "POST", MAPS, lambda: metadata(generateName="../../"), {}, (422,), "Invalid"),
    Bad("traversal in a namespace", "POST", MAPS, lambda: metadata(name="a", namespace="../kube-system"), {}, (400,)),
    Bad("a name of a megabyte", "POST", MAPS, lambda: metadata(name="a" * 1_000_000), {}, (422,), "Invalid"),
    Bad("labels without end", "POST", MAPS, lambda: metadata(name="l", labels={f"k{i}": "v" * 64 for i in range(20_000)}), {}, (422,)),
    Bad("annotations too large", "POST", MAPS, lambda: metadata(name="l", annotations={"a": "x" * 300_000}), {}, (422,)),
    Bad("doubled keys, strictly", "POST", f"{MAPS}?fieldValidation=Strict", lambda: b'{"metadata":{"name":"a","name":"b"}}'),
    Bad("doubled keys in YAML", "POST", MAPS, lambda: b"metadata: {name: a, name: b}\n", as_type(YAML), (201, 400)),
    Bad("a float of a thousand digits", "POST", DEPLOYMENTS, lambda: b'{"metadata":{"name":"n"},"spec":{"replicas":1e999999}}'),
    Bad("an integer of 5,000 digits", "POST", DEPLOYMENTS, lambda: b'{"metadata":{"name":"n"},"spec":{"replicas":%b}}' % (b"9" * 5000)),
    Bad(
        "an integer of 5,000 digits, unknown",
        "POST",
        f"{MAPS}?fieldValidation=Strict",
        lambda: b'{"metadata":{"name":"n"},"x":%b}' % (b"9" * 5000),
    ),
    Bad("an integer of 5,000 digits in YAML", "POST", DEPLOYMENTS, lambda: b"spec: {replicas: %b}\n" % (b"9" * 5000), as_type(YAML)),
    Bad("an integer of 64 bits and one", "POST", DEPLOYMENTS, lambda: b'{"metadata":{"name":"n"},"spec":{"replicas":9223372036854775808}}'),
    Bad("NaN", "POST", DEPLOYMENTS, lambda: b'{"metadata":{"name":"n"},"spec":{"replicas":NaN}}'),
    Bad("YAML infinity", "POST", DEPLOYMENTS, lambda: b"metadata: {name: n}\nspec: {replicas: .inf}\n", as_type(YAML)),
    Bad(
        "sexagesimal",
        "POST",
        DEPLOYMENTS,
        lambda: b"metadata: {name: n}\nspec: {replicas: %b}\n" % (b"1:" * 5000 + b"1"),
        as_type(YAML),
        (400, 422),
    ),
    Bad("a YAML object of Python", "POST", MAPS, lambda: b"metadata: !!python/object/apply:os.system ['true']\n", as_type(YAML)),
    Bad("a merge patch of a number too large", "PATCH", f"{MAPS}/there", lambda: b'{"data":{"a":%b}}' % (b"9" * 5000), as_type(MERGE)),
    Bad("a patch that is nothing", "PATCH", f"{MAPS}/there", lambda: b"", as_type(JSON_PATCH)),
    Bad("a patch of no type", "PATCH", f"{MAPS}/there", lambda: b"{}", as_type("text/plain"), (415,), "UnsupportedMediaType"),
    Bad(
        "JSON pointer into nothing",
        "PATCH",
        f"{MAPS}/there",
        lambda: b'[{"op":"remove","path":"/data/none/9999999999999999999999"}]',
        as_type(JSON_PATCH),
        (422,),
    ),
    Bad(
        "JSON patch far out",
        "PATCH",
        f"{MAPS}/there",
        lambda: b'[{"op":"add","path":"/metadata/finalizers/99999999999","value":"x"}]',
        as_type(JSON_PATCH),
        (422,),
    ),
    Bad("protobuf of nothing", "POST", MAPS, lambda: b"k8s\0", as_type("application/vnd.kubernetes.protobuf"), (400, 422)),
    Bad("protobuf of noise", "POST", MAPS, lambda: b"k8s\0" + bytes(range(256)) * 40, as_type("application/vnd.kubernetes.protobuf")),
    Bad("protobuf of no end", "POST", MAPS, lambda: b"k8s\0\x0a\xff\xff\xff\xff\x0f", as_type("application/vnd.kubernetes.protobuf")),
    Bad("protobuf in itself", "POST", MAPS, lambda: b"k8s\0" + b"\x12\xff\x7f" * 5000, as_type("application/vnd.kubernetes.protobuf")),
    Bad(
        "a quantity of a million digits",
        "POST",
        PODS,
        lambda: json.dumps(pod("q", containers=[{"name": "c", "image": "i", "resources": {"limits": {"cpu": "9" * 1_000_000}}}])).encode(),
        {},
        (400, 422),
    ),
    Bad(
        "a quantity beyond all",
        "POST",
        PODS,
        lambda: json.dumps(pod("q", containers=[{"name": "c", "image": "i", "resources": {"limits": {"cpu": "1e999999999"}}}])).encode(),
        {},
        (201, 400, 422, 403),
    ),
    Bad(
        "ten thousand containers",
        "POST",
        PODS,
        lambda: json.dumps(pod("many", containers=[{"name": "c", "image": "i"}] * 10_000)).encode(),
        {},
        (422,),
    ),
]

PATHS = [
    Bad("up and away", "GET", f"{MAPS}/..%2f..%2fsecrets", status=(404,)),
    Bad("up and away, bare", "GET", "/api/v1/namespaces/default/../../nodes", status=(400, 403, 404)),
    Bad("dots as a name", "GET", f"{MAPS}/..", status=(400, 403, 404)),
    Bad("coded dots as a name", "GET", f"{MAPS}/%2e%2e", status=(400, 403, 404)),
    Bad("dots as a namespace", "GET", "/api/v1/namespaces/../configmaps/x", status=(400, 403, 404)),
    Bad("NUL in a path", "GET", f"{MAPS}/a%00b", status=(400, 404)),
    Bad("invalid UTF-8 in a path", "GET", f"{MAPS}/%ff%fe", status=(400, 404)),
    Bad("half a code", "GET", f"{MAPS}/%zz", status=(400, 404)),
    Bad("a name of a hundred kilobytes", "GET", f"{MAPS}/{'a' * 100_000}", status=(404,)),
    Bad("a name that creates", "PUT", f"{MAPS}/..%2fx", lambda: metadata(name="../x"), status=(400, 404, 422)),
    Bad(
        "an apply that creates",
        "PATCH",
        f"{MAPS}/..%2fx?fieldManager=m",
        lambda: b"apiVersion: v1\nkind: ConfigMap\n",
        as_type(APPLY),
        (400, 404, 422),
    ),
    Bad("a limit beyond numbers", "GET", f"{MAPS}?limit={'9' * 5000}"),
    Bad("a limit of letters", "GET", f"{MAPS}?limit=many"),
    Bad("a timeout beyond numbers", "GET", f"{MAPS}?watch=1&timeoutSeconds={'9' * 5000}"),
    Bad("a version beyond numbers", "GET", f"{MAPS}?resourceVersion={'9' * 5000}"),
    Bad("a version below nothing", "GET", f"{MAPS}?resourceVersion=-1"),
    Bad("a get at no version", "GET", f"{MAPS}/there?resourceVersion={'9' * 5000}", status=(400,)),
    Bad("a token of noise", "GET", f"{MAPS}?continue={'%ff' * 500}"),
    Bad("a token of another list", "GET", f"{MAPS}?continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiIuLi8uLi9zZWNyZXRzIn0"),
    Bad("a selector of noise", "GET", f"{MAPS}?labelSelector=%00(((((("),
    Bad("a selector without end", "GET", f"{MAPS}?labelSelector=a+in+({'x,' * 50_000}x)", status=(200, 400)),
    Bad("a field selector without end", "GET", f"{MAPS}?fieldSelector={'metadata.name=a,' * 10_000}metadata.name=a", status=(200, 400)),
    Bad("a selector of brackets", "GET", f"{MAPS}?labelSelector={'(' * 50_000}"),
    Bad("no such field", "GET", f"{MAPS}?fieldSelector=spec.x%3D1"),
    Bad("an Accept without end", "GET", MAPS, headers={"Accept": "a/b," * 20_000}, status=(406,)),
    Bad("an Accept of noise", "GET", MAPS, headers={"Accept": ";;;q=x,,,;"}, status=(200, 406)),
    Bad("a bearer of noise", "GET", MAPS, headers={"Authorization": "Bearer " + "." * 50_000}, status=(200, 401)),
    Bad("a method of its own", "PURGE", MAPS, status=(400, 405)),
    Bad("dry running", "POST", f"{MAPS}?dryRun=Maybe", lambda: metadata(name="d"), status=(422,), reason="Invalid"),
    Bad(
        "a manager of a kilobyte", "POST", f"{MAPS}?fieldManager={'m' * 1000}", lambda: metadata(name="d"), status=(422,), reason="Invalid"
    ),
    Bad("a grace beyond numbers", "DELETE", f"{MAPS}/there?gracePeriodSeconds={'9' * 5000}", status=(400, 422)),
    Bad("a query of a hundred thousand", "GET", f"{MAPS}?{'a=b&' * 100_000}", status=(200, 400)),
]


async def send(client: Client, bad: Bad) -> tuple[int, bytes]:
    answer = await client.request(bad.method, bad.path, bad.body(), **bad.headers)
    return answer.status, answer.raw


def judge(bad: Bad, status: int, raw: bytes) -> None:
    assert status in bad.status, (bad.name, status, raw[:300])
    if status >= 400 and bad.reason:
        body = json.loads(raw)
        assert (body["kind"], body["reason"], body["code"]) == ("Status", bad.reason, status)


async def refuse_all(api: Api, bads: Sequence[Bad]) -> None:
    await api.ok("POST", MAPS, config_map("there", a="1"))
    await api.ok("POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "default"}})
    client = await api.connect()
    wrong = []
    for bad in bads:
        try:
            async with asyncio.timeout(20):
                judge(bad, *await send(client, bad))
        except (AssertionError, ValueError, TimeoutError, ConnectionError) as error:
            wrong.append(f"{bad.name}: {error!r}"[:400])
        if client.reader.at_eof() or bad.status == (413,) or wrong:
            client = await api.connect()
        assert (await api("GET", f"{MAPS}/there")).status == 200
    assert not wrong, "\n".join(wrong)


async def test_bad_bodies_are_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await refuse_all(api, BODIES)


async def test_bad_paths_are_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await refuse_all(api, PATHS)


@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_a_body_too_long_is_refused_while_it_comes(tmp_path: Path, framing: str) -> None:
    async with running(tmp_path) as api:
        client = await api.connect()
        length = "Transfer-Encoding: chunked" if framing == "chunks" else f"Content-Length: {8 * LIMIT}"
        client.writer.write(f"POST {MAPS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{length}\r\n\r\n".encode())
        piece = b" " * 65536
        for _ in range(8 * LIMIT // len(piece)):
            client.writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if framing == "chunks" else piece)
            await client.writer.drain()
        status, raw = await next_answer(client)
        assert (status, json.loads(raw)["reason"]) == (413, "RequestEntityTooLarge")
        assert json.loads(raw)["message"] == f"Request entity too large: limit is {LIMIT}"
        assert await client.reader.read() == b""
        assert (await api("GET", MAPS)).status == 200


async def next_answer(client: Client) -> tuple[int, bytes]:
    """Read exactly one answer: more may stand behind it."""
    async with asyncio.timeout(20):
        head = await client.reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
        return int(head.split(b" ")[1]), await client.reader.readexactly(length)


async def test_nothing_hides_behind_an_upgrade_that_fails(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        wish = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec_WebSocket_Version": "13", "Sec_WebSocket_Key": "x" * 22 + "=="}
        for path in (f"{PODS}/none/exec?command=x&stdin=1", f"{MAPS}/none", "/healthz"):
            client = await api.connect()
            await client.send("GET", path, **wish)
            client.writer.write(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await next_answer(client))[0] in (200, 400, 404)
            status, version = await next_answer(client)
            assert (status, json.loads(version)["major"]) == (200, "1")
            await client.send("GET", path, **wish)
            client.writer.write(b"\x81\x85noise, not HTTP\r\n\r\n")
            await next_answer(client)
            assert (await next_answer(client))[0] == 400
            assert await client.reader.read() == b""
            hidden = b"GET /api/v1/nodes HTTP/1.1\r\nHost: x\r\n\r\n"
            client = await api.connect()
            await client.send("GET", path, hidden, **wish)  # a body that looks like a request
            assert (await next_answer(client))[0] == 400
            assert await client.reader.read() == b""


async def test_clients_that_say_nothing_disturb_nobody(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        silent = [await asyncio.open_connection("127.0.0.1", api.server.port) for _ in range(100)]
        for _, writer in silent[:50]:
            writer.write(b"\x16\x03\x01\x02\x00")
        halves = [await api.connect() for _ in range(20)]
        for number, client in enumerate(halves):
            client.writer.write(b"GET /version HT" if number % 2 else b"POST /version HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
        assert (await api("GET", "/version")).status == 200
        for client in halves:
            client.writer.transport.abort()
        for _, writer in silent:
            writer.transport.abort()
        assert (await api("GET", "/version")).status == 200


@asynccontextmanager
async def process(directory: Path) -> AsyncIterator[tuple[Api, int]]:
    """Run a server as a process of its own; yield what calls it, and its id."""
    pki = Pki(directory)
    pki.issue("admin", "system:masters")
    pki.issue("server", server=True)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    files = {"certificate": "server.crt", "key": "server.key", "client_ca": "ca.crt", "service_account_key": "ca.key"}
    config = {"address": "127.0.0.1", "port": port, "store": str(directory / "store")} | {
        name: pki.path(file) for name, file in files.items()
    }
    (directory / "config").write_bytes(msgspec.json.encode(config))
    command = [sys.executable, "-m", "sagong.cluster.apiserver", "--config", str(directory / "config")]
    server = await asyncio.create_subprocess_exec(*command, env=os.environ, stderr=asyncio.subprocess.DEVNULL)

    class Elsewhere:
        def __init__(self) -> None:
            self.port = port

    api = Api(Elsewhere(), pki, pki)  # type: ignore[arg-type] # only its port is asked for
    try:
        async with asyncio.timeout(20):
            while True:
                try:
                    await api("GET", "/readyz")
                    break
                except (OSError, ssl.SSLError):
                    await asyncio.sleep(0.05)
        yield api, server.pid
    finally:
        await api.close()
        server.send_signal(signal.SIGTERM)
        await server.wait()


def resident(pid: int, field: str = "VmRSS") -> int:
    """Return megabytes."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) // 1024


async def test_memory_stays_flat(tmp_path: Path) -> None:
    async with process(tmp_path) as (api, pid):
        await api.ok("POST", MAPS, config_map("first"))
        await asyncio.sleep(1)  # what the first writes need is read
        before = resident(pid)
        await refuse_all(api, [*BODIES, *PATHS])
        once = resident(pid)
        client = await api.connect()
        for number in range(5):
            for bad in PATHS:
                path = bad.path.replace("aaaa", f"a{number}aa") if len(bad.path) > 1000 else bad.path
                await client.request(bad.method, path, bad.body(), **bad.headers)
        assert once - before < 120
        assert resident(pid) - once < 30
        assert resident(pid, "VmHWM") - before < 300
