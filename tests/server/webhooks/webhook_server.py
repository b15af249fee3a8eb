"""A small HTTPS server that answers POSTs: what stands behind a webhook in tests."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httptools
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = Callable[[str, Any], Any]


def self_signed(directory: Path, *names: str, expired: bool = False) -> Path:
    """Write a certificate that signs itself, with its key, into one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    sans = [x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name) for name in names]
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=2))
    builder = builder.not_valid_after(now + timedelta(days=-1 if expired else 1))
    certificate = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False).sign(key, hashes.SHA256())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = directory / f"{names[0]}{'-expired' if expired else ''}.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + pem)
    return file


class WebhookServer:
    """`answer(path, body)` gives what a POST is answered with: a dict, or (status, text). `calls` are the paths and bodies that came."""

    def __init__(self, certificate: Path, answer: Answer) -> None:
        self.certificate, self.answer = certificate, answer
        self.calls: list[tuple[str, Any]] = []
        self.connections = 0
        self.keep_alive = True
        self.hold: Callable[[str], Awaitable[None]] | None = None
        self.port = 0
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def bundle(self) -> str:
        """The caBundle: the certificate itself."""
        pem = self.certificate.read_bytes()
        return base64.b64encode(pem[: pem.index(b"-----BEGIN PRIVATE")]).decode()

    def url(self, path: str = "/") -> str:
        return f"https://127.0.0.1:{self.port}{path}"

    def drop(self) -> None:
        """Close every connection, as a server does that has been idle for long."""
        for writer in self._writers:
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        url, body, done = b"", b"", False

        class Callbacks:
            def on_url(self, data: bytes) -> None:
                nonlocal url
                url += data

            def on_body(self, data: bytes) -> None:
                nonlocal body
                body += data

            def on_message_complete(self) -> None:
                nonlocal done
                done = True

        parser = httptools.HttpRequestParser(Callbacks())
        while not done:
            data = await reader.read(65536)
            if not data:
                return False
            parser.feed_data(data)
        path = url.decode()
        sent = json.loads(body) if body else None
        self.calls.append((path, sent))
        if self.hold is not None:
            await self.hold(path)
        said = self.answer(path, sent)
        status, text, kind = (*said, "text/plain") if isinstance(said, tuple) else (200, json.dumps(said), "application/json")
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(text.encode())}\r\n"
        writer.write((head + ("" if self.keep_alive else "Connection: close\r\n") + "\r\n" + text).encode())
        await writer.drain()
        return self.keep_alive

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def webhook_server(
    directory: Path, answer: Answer, *names: str, expired: bool = False, host: str = "127.0.0.1"
) -> AsyncIterator[WebhookServer]:
    server = WebhookServer(self_signed(directory, *(names or ("127.0.0.1",)), expired=expired), answer)
    server.tls.load_cert_chain(server.certificate)
    listener = await asyncio.start_server(server.serve, host, 0, ssl=server.tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await server.stop()
        async with asyncio.timeout(20):
            while getattr(listener, "_active_count", 0):  # noqa: ASYNC110 - before Python 3.12 no event tells of the last connection
                await asyncio.sleep(0.01)
            await listener.wait_closed()
