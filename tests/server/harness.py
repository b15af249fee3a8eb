"""A whole server in the test's process: real TLS on a loopback port, a real SQLite file, and a client that hides nothing."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httptools
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sagong.cluster.clock import RealClock, RealRandom
from sagong.server.app import ApiServer
from sagong.server.config import ServerConfig
from sagong.store.encryption.encryption import Encryption
from sagong.store.sqlite import SqliteStore

MERGE, STRATEGIC, JSON_PATCH, APPLY = (
    f"application/{name}" for name in ("merge-patch+json", "strategic-merge-patch+json", "json-patch+json", "apply-patch+yaml")
)
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
NOW = datetime.now(UTC)


class Pki:
    """An authority that writes certificates and keys into a directory."""

    def __init__(self, directory: Path, name: str = "kubernetes", *, now: datetime = NOW, valid: timedelta = timedelta(hours=1)) -> None:
        self.directory, self._now, self._valid = directory, now, valid
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(self.name, self.key).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        (directory / "ca.crt").write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        self._write_key("ca.key", self.key)

    def issue(self, name: str, *groups: str, server: bool = False, file: str = "", dns: str = "") -> str:
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        builder = self._builder(x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, name)]), key)
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if server:
            names: list[x509.GeneralName] = [x509.DNSName(dns)] if dns else [x509.IPAddress(ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        stem = file or name
        (self.directory / f"{stem}.crt").write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        self._write_key(f"{stem}.key", key)
        return stem

    def path(self, file: str) -> str:
        return str(self.directory / file)

    def _builder(self, name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(self.name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        return builder.not_valid_before(self._now - timedelta(hours=1)).not_valid_after(self._now + self._valid)

    def _write_key(self, file: str, key: ec.EllipticCurvePrivateKey) -> None:
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (self.directory / file).write_bytes(pem)


@dataclass
class Answer:
    """An answer, whole."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    raw: bytes = b""

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode(), value.decode()))

    def on_body(self, data: bytes) -> None:
        self.raw += data


class Client:
    """One connection to the server, kept open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> None:
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        said = {"Host": "x", "Content-Length": str(len(data)), "User-Agent": "test/1", "Content-Type": "application/json"}
        said |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in said.items())]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        await self.writer.drain()

    async def receive(self) -> Answer:
        answer, done = Answer(), False

        class Callbacks:
            on_header, on_body = answer.on_header, answer.on_body

            def on_message_complete(self) -> None:
                nonlocal done
                done = True

        parser = httptools.HttpResponseParser(Callbacks())
        while not done:
            data = await self.reader.read(65536)
            assert data, "the server closed the connection"
            parser.feed_data(data)
        answer.status = parser.get_status_code()
        return answer

    async def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        await self.send(method, path, body, **headers)
        return await self.receive()

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await self.writer.wait_closed()


class Api:
    """Clients of one server; calls it as `user` over a connection kept for that user."""

    def __init__(self, server: ApiServer, pki: Pki, front: Pki) -> None:
        self.server, self.pki, self.front = server, pki, front
        self._clients: dict[str, Client] = {}
        self._open: list[Client] = []

    async def connect(self, user: str = "admin") -> Client:
        tls = ssl.create_default_context(cafile=self.pki.path("ca.crt"))
        if user:
            tls.load_cert_chain(self.pki.path(f"{user}.crt"), self.pki.path(f"{user}.key"))
        client = Client(*await asyncio.open_connection("127.0.0.1", self.server.port, ssl=tls))
        self._open.append(client)
        return client

    async def close(self) -> None:
        """Close every connection that was made."""
        for client in self._open:
            await client.close()

    async def __call__(self, method: str, path: str, body: Any = None, *, user: str = "admin", **headers: str) -> Answer:
        if user not in self._clients:
            self._clients[user] = await self.connect(user)
        return await self._clients[user].request(method, path, body, **headers)

    async def ok(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Call and insist on success."""
        answer = await self(method, path, body, **headers)
        assert answer.status < 300, answer.raw
        return answer.body

    async def namespace(self, name: str) -> str:
        """Make a namespace with its default account; return its path."""
        await self.ok("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        await self.ok("POST", f"/api/v1/namespaces/{name}/serviceaccounts", {"metadata": {"name": "default"}})
        return f"/api/v1/namespaces/{name}"

    async def watch(self, path: str, user: str = "admin", **headers: str) -> Watch:
        """Begin a watch on a connection of its own."""
        client = await self.connect(user)
        await client.send("GET", path, **headers)
        head = await client.reader.readuntil(b"\r\n\r\n")
        return Watch(client, int(head.split(b" ")[1]), head.decode())

    def kubeconfig(self) -> str:
        """Write a kubeconfig of the administrator; return its path."""
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "clusters": [
                {
                    "name": "k",
                    "cluster": {"server": f"https://127.0.0.1:{self.server.port}", "certificate-authority": self.pki.path("ca.crt")},
                }
            ],
            "users": [{"name": "u", "user": {"client-certificate": self.pki.path("admin.crt"), "client-key": self.pki.path("admin.key")}}],
        }
        (self.pki.directory / "kubeconfig").write_text(json.dumps(document))
        return self.pki.path("kubeconfig")


class Watch:
    """A watch under way."""

    def __init__(self, client: Client, status: int, head: str) -> None:
        self.client, self.status, self.head = client, status, head
        self._text = b""

    async def event(self, seconds: float = 5) -> dict[str, Any] | None:
        """Return the next event, None at the end of the stream."""
        async with asyncio.timeout(seconds):
            while b"\n" not in self._text:
                if not (data := await self.chunk()):
                    return None
                self._text += data
        line, _, self._text = self._text.partition(b"\n")
        event: dict[str, Any] = json.loads(line)
        return event

    async def chunk(self) -> bytes:
        """Return what was written at once, nothing at the end of the stream."""
        size = int((await self.client.reader.readline()).strip(), 16)
        return (await self.client.reader.readexactly(size + 2))[:-2]

    async def names(self, count: int) -> list[tuple[str, str]]:
        """Return type and name of the next events."""
        found = []
        for _ in range(count):
            event = await self.event()
            assert event is not None
            found.append((event["type"], event["object"]["metadata"]["name"]))
        return found

    async def silent(self, seconds: float = 0.2) -> bool:
        """Tell whether nothing comes for a while."""
        try:
            await self.event(seconds)
        except TimeoutError:
            return True
        return False

    async def close(self) -> None:
        await self.client.close()


@asynccontextmanager
async def running(directory: Path, **settings: Any) -> AsyncIterator[Api]:
    """Run a server; `encryption` may be among the settings. Certificates for admin (system:masters) and jane are in the directory."""
    encryption: Encryption | None = settings.pop("encryption", None)
    pki = Pki(directory)
    pki.issue("admin", "system:masters")
    pki.issue("jane")
    pki.issue("server", server=True)
    (directory / "front-proxy").mkdir(exist_ok=True)
    front = Pki(directory / "front-proxy", "front-proxy-ca")
    front.issue("front-proxy-client")
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0)
    config = ServerConfig(
        port=listener.getsockname()[1],
        certificate=pki.path("server.crt"),
        key=pki.path("server.key"),
        client_ca=pki.path("ca.crt"),
        service_account_key=pki.path("ca.key"),
        front_proxy_ca=front.path("ca.crt"),
        front_proxy_certificate=front.path("front-proxy-client.crt"),
        front_proxy_key=front.path("front-proxy-client.key"),
        **settings,
    )
    store = await SqliteStore.open(directory / "store", durable=False, seal=encryption)
    server = ApiServer(config, store, clock=RealClock(), random=RealRandom(), encryption=encryption)
    api = Api(server, pki, front)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve(listener))
        await server.ready.wait()
        try:
            yield api
        finally:
            await api.close()
            server.stop()
    await store.close()


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def pod(name: str, **spec: Any) -> dict[str, Any]:
    containers = [{"name": "main", "image": "app:1"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "x"}},
        "spec": {"containers": containers, **spec},
    }
