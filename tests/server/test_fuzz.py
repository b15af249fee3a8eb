"""Arbitrary requests for every resource, verb and subresource: whatever comes, the answer is no 5xx, and it comes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from tests.api.validation.arbitrary import arbitrary
from tests.server.harness import MERGE, STRATEGIC, Api, Client, running

from sagong.api.resources import Resource

NAMES = ["a", "b", "default", "kube-system", "x.example.com", "system:node", "..%2f", "%00", "%ff", "A" * 300]
MEDIA = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf", "text/plain", "", MERGE, STRATEGIC]
MEDIA += ["application/json-patch+json", "application/apply-patch+yaml"]
PATCHES = [MERGE, STRATEGIC, "application/json-patch+json", "application/apply-patch+yaml", "application/apply-patch+yaml"]
ACCEPT = ["", "*/*", "application/json", "application/yaml", "application/vnd.kubernetes.protobuf", "text/html"]
ACCEPT += [f"application/json;as={kind};v=v1;g=meta.k8s.io" for kind in ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")]
VALUES = ["", "0", "1", "-1", "true", "false", "x", "All", "Strict", "a=b", "metadata.name=a", "9" * 30, "%00", "Exact", "Background"]
PARAMETERS = [
    *("limit", "continue", "resourceVersion", "resourceVersionMatch", "labelSelector", "fieldSelector", "timeoutSeconds", "timeout"),
    *("dryRun", "fieldManager", "fieldValidation", "force", "pretty", "gracePeriodSeconds", "propagationPolicy", "orphanDependents"),
    *("sendInitialEvents", "allowWatchBookmarks", "container", "tailLines", "sinceTime", "command", "stdin", "ports", "path"),
]
METHODS = ["GET", "GET", "POST", "POST", "PUT", "PATCH", "PATCH", "DELETE", "DELETE", "HEAD", "OPTIONS"]
ROUNDS = 6
UPSTREAMS = (b"failed to create typed patch object",)  # a 500 there, and kubectl's users know it
UNAVAILABLE = (501, 503, 504)  # nobody behind a proxy, no time left: what upstream says, too


def path_of(row: Resource, random: Random) -> str:
    """Return the path of the collection, of an object, or of a subresource."""
    prefix = f"/apis/{row.group}/{row.version}" if row.group else f"/api/{row.version}"
    namespace = random.choice(["default", "default", "kube-system", *NAMES])
    path = f"{prefix}/namespaces/{namespace}/{row.plural}" if row.namespaced and random.random() < 0.9 else f"{prefix}/{row.plural}"
    if random.random() < 0.7:
        path += f"/{random.choice(NAMES)}"
        if row.subresources and random.random() < 0.4:
            path += f"/{random.choice(row.subresources).name}"
    said = [f"{random.choice(PARAMETERS)}={random.choice(VALUES)}" for _ in range(random.choice([0, 0, 0, 1, 2, 3]))]
    return f"{path}?{'&'.join(said)}" if said else path


def body_of(row: Resource, method: str, random: Random) -> bytes:
    """Return something like an object of the row, or a patch of one, or noise."""
    content: Any = msgspec.to_builtins(arbitrary(row.type, random))
    content |= {"apiVersion": row.api_version, "kind": row.kind}
    metadata = content.get("metadata") or {}
    content["metadata"] = {**(metadata if random.random() < 0.2 else {}), "name": random.choice(NAMES[:5])}
    if method == "PATCH" and random.random() < 0.3:
        places = ["", "/metadata", "/spec", "/metadata/labels", "/metadata/labels/a", "/spec/x/0", "/-", "/~2"]
        operations = ["add", "remove", "replace", "move", "copy", "test", "leap"]
        content = [
            {
                "op": random.choice(operations),
                "path": random.choice(places),
                "from": random.choice(places),
                "value": random.choice([1, {}, []]),
            }
            for _ in range(random.randrange(4))
        ]
    data = bytearray(json.dumps(content).encode())
    for _ in range(random.choice([0, 0, 0, 0, 1, 3])):
        data[random.randrange(len(data))] = random.randrange(256)
    return bytes(data[: random.randrange(len(data))] if random.random() < 0.05 else data)


async def ask(api: Api, client: Client, row: Resource, random: Random) -> tuple[Client, str]:
    """Send one request; return a connection to go on with, and what is wrong with the answer."""
    method, path = random.choice(METHODS), path_of(row, random)
    headers = {"Content-Type": random.choice(PATCHES if method == "PATCH" else [MEDIA[0], *MEDIA]), "Accept": random.choice(ACCEPT)}
    body = body_of(row, method, random) if method not in ("GET", "HEAD", "OPTIONS") and random.random() < 0.9 else b""
    said = {
        "Host": "x",
        "Content-Length": str(len(body)),
        "User-Agent": "fuzz/1",
        **{name: value for name, value in headers.items() if value},
    }
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in said.items())]
    what = f"{method} {path} {headers} {body[:400]!r}"
    client.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    try:
        async with asyncio.timeout(30):
            head = await client.reader.readuntil(b"\r\n\r\n")
            status, rest = int(head.split(b" ")[1]), b""
            length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b"")
            if method != "HEAD" and length:
                rest = await client.reader.readexactly(int(length.split(b":")[1]))
            if not length or b"connection: close" in head.lower():  # a watch, or the end
                client.writer.close()
                client = await api.connect()
    except (TimeoutError, asyncio.IncompleteReadError) as error:
        return await api.connect(), f"{error!r}: {what}"
    if status >= 500 and status not in UNAVAILABLE and not any(text in rest for text in UPSTREAMS):
        return client, f"{status} {rest[:400]!r}: {what}"
    return client, ""


@pytest.mark.parametrize("seed", range(3))
async def test_no_request_brings_an_error_of_the_server(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    async with running(tmp_path) as api:
        client = await api.connect()
        wrong = []
        for row in [row for row in api.server.table for _ in range(ROUNDS)]:
            client, problem = await ask(api, client, row, random)
            if problem:
                wrong.append(problem)
        assert (await api("GET", "/readyz")).status == 200
        assert not wrong, "\n".join(wrong[:20])
