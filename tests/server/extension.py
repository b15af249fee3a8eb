"""An extension API server in the test's process: HTTPS that asks for the front proxy's certificate, flunders in memory."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.server.harness import Pki

from sagong.cluster.clock import RealClock
from sagong.server.http import HttpServer
from sagong.server.messages import Answer, Duplex, Handler, Request, Response, Stream, Upgrade

GROUP, VERSION = "wardle.example.com", "v1alpha1"
PATH = f"/apis/{GROUP}/{VERSION}"
VERBS = ["create", "delete", "get", "list", "watch"]
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class Extension:
    """What it has and what it was asked."""

    def __init__(self) -> None:
        self.port = 0
        self.healthy, self.aggregated, self.version3 = True, True, True
        self.fickle = False
        self.flunders: dict[str, dict[str, Any]] = {}
        self.requests: list[Request] = []

    def last(self, path: str) -> Request:
        return next(request for request in reversed(self.requests) if request.path == path)

    async def __call__(self, request: Request) -> Answer:
        self.requests.append(request)
        if not self.healthy:
            return Response(b"", 500 + (len(self.requests) % 50 if self.fickle else 0))
        if request.path == "/apis" and self.aggregated and "APIGroupDiscoveryList" in request.header("accept"):
            if request.header("if-none-match") == '"1"':
                return Response(b"", 304)
            return Response(json.dumps(_groups()).encode(), 200, AGGREGATED, [("ETag", '"1"')])
        if request.path.startswith(f"{PATH}/namespaces/default/flunders"):
            return self._flunders(request)
        return self._document(request) or Response(b"404 page not found\n", 404, "text/plain")

    def _document(self, request: Request) -> Response | None:
        if request.path == PATH:
            return _json({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{GROUP}/{VERSION}", "resources": _resources()})
        if request.path == "/openapi/v2":
            return _json(_swagger())
        if request.path == "/openapi/v3" and self.version3:
            return _json({"paths": {PATH[1:]: {"serverRelativeURL": f"/openapi/v3{PATH}?hash=ABC"}}})
        if request.path == f"/openapi/v3{PATH}" and self.version3:
            return _json({"openapi": "3.0.0", "components": {"schemas": {"Flunder": {"type": "object"}}}})
        return None

    def _flunders(self, request: Request) -> Answer:
        name = request.path.partition("flunders")[2].strip("/")
        if request.method == "POST":
            flunder = json.loads(request.body)
            self.flunders[flunder["metadata"]["name"]] = flunder
            return _json(flunder, 201)
        if request.header("upgrade"):
            return Upgrade(_echo, [("Connection", "Upgrade"), ("Upgrade", request.header("upgrade"))])
        if request.flag("watch"):
            return Stream(_events())
        if not name:
            return _json({"kind": "FlunderList", "apiVersion": f"{GROUP}/{VERSION}", "items": list(self.flunders.values())})
        if name not in self.flunders:
            return _json({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}, 404)
        return _json(self.flunders.pop(name) if request.method == "DELETE" else self.flunders[name])


def _json(document: Any, status: int = 200) -> Response:
    return Response(json.dumps(document).encode(), status)


def _resources() -> list[dict[str, Any]]:
    flunders = {"name": "flunders", "singularName": "flunder", "namespaced": True, "kind": "Flunder", "verbs": VERBS}
    return [{**flunders, "shortNames": ["fl"]}, {**flunders, "name": "flunders/status", "singularName": "", "verbs": ["get"]}]


def _groups() -> dict[str, Any]:
    kind = {"group": "", "version": "", "kind": "Flunder"}
    flunders = {"resource": "flunders", "singularResource": "flunder", "scope": "Namespaced", "verbs": VERBS, "responseKind": kind}
    versions = [{"version": VERSION, "resources": [flunders], "freshness": "Current"}]
    items = [{"metadata": {"name": GROUP}, "versions": versions}]
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": items}


def _swagger() -> dict[str, Any]:
    meta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
    flunder = {"type": "object", "properties": {"metadata": {"$ref": f"#/definitions/{meta}"}}}
    answers = {"200": {"description": "OK", "schema": {"$ref": "#/definitions/Flunder"}}}
    return {
        "swagger": "2.0",
        "info": {"title": "wardle", "version": "1"},
        "paths": {f"{PATH}/flunders": {"get": {"responses": answers}}, "/healthz": {"get": {}}},
        "definitions": {"Flunder": flunder, meta: {"type": "object", "description": "another one"}, "Unused": {"type": "object"}},
    }


async def _events() -> AsyncIterator[bytes]:
    for number in range(3):
        event = {"type": "ADDED", "object": {"kind": "Flunder", "metadata": {"name": f"f{number}"}}}
        yield json.dumps(event).encode() + b"\n"


async def _echo(duplex: Duplex) -> None:
    while data := await duplex.read():
        duplex.write(data.upper())
        await duplex.drain()


@asynccontextmanager
async def extension(pki: Pki, server_name: str = "sample-api.ext.svc") -> AsyncIterator[Extension]:
    """Run one; only the front proxy gets in."""
    served = Extension()
    async with serving(pki, served, server_name) as served.port:
        yield served


@asynccontextmanager
async def serving(pki: Pki, handler: Handler, server_name: str) -> AsyncIterator[int]:
    """Serve HTTPS to the front proxy; yield the port."""
    pki.issue("extension", server=True, dns=server_name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.path("extension.crt"), pki.path("extension.key"))
    context.load_verify_locations(pki.path("front-proxy/ca.crt"))
    context.verify_mode = ssl.CERT_REQUIRED
    server = HttpServer(handler, RealClock())
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve(listener, context))
        try:
            yield listener.getsockname()[1]
        finally:
            server.stop()
