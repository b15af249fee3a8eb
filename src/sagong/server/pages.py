"""The paths that are no resources: health, version, the index."""

from __future__ import annotations

import platform
from collections.abc import Callable

import msgspec

from sagong.server.discovery import Discovery
from sagong.server.dispatch import Page
from sagong.server.exchange import Exchange
from sagong.server.messages import TEXT, Answer, Response
from sagong.server.openapi import OpenApi

Check = Callable[[], str | None]
"""A health check: None when well, else what is wrong."""

VERSION = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.0+sagong",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": f"python{platform.python_version()}",
    "compiler": platform.python_implementation().lower(),
    "platform": f"linux/{ {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(platform.machine(), platform.machine()) }",
}


def of(discovery: Discovery, openapi: OpenApi, checks: dict[str, Check]) -> dict[str, Page]:
    """Return the pages by path; one below a path that ends in `/` has the rest of it."""
    found: dict[str, Page] = {"/version": version, "/api": discovery.api, "/apis": discovery.apis}
    found |= {"/api/": discovery.below, "/apis/": discovery.below}
    found |= {"/openapi/v2": openapi.v2, "/openapi/v3": openapi.v3, "/openapi/v3/": openapi.group_version}
    alive = {name: check for name, check in checks.items() if name != "shutdown"}
    for path, own in (("/healthz", alive), ("/livez", alive), ("/readyz", checks)):
        health = Health(path, own)
        found |= {path: health, f"{path}/": health}
    found["/"] = Index(lambda: [path for path in found if path == "/" or not path.endswith("/")])
    return found


class Health:
    """One of /healthz, /livez, /readyz: named checks, each also a page of its own below the path."""

    def __init__(self, path: str, checks: dict[str, Check]) -> None:
        self._path, self._checks = path, checks

    def __call__(self, exchange: Exchange) -> Answer:
        """Answer ok, or which checks failed."""
        name = exchange.info.path.removeprefix(self._path).strip("/")
        if name:
            check = self._checks.get(name)
            if check is None:
                return Response(b"404 page not found\n", 404, TEXT)
            reason = check()
            if reason is None:
                return Response(b"ok", content_type=TEXT)
            return Response(f"internal server error: {reason}\n".encode(), 500, TEXT)
        excluded = set(exchange.request.query.get("exclude", ()))
        failed, lines = False, []
        for check_name, check in self._checks.items():
            if check_name in excluded:
                lines.append(f"[+]{check_name} excluded: ok")
            elif check() is None:
                lines.append(f"[+]{check_name} ok")
            else:
                failed = True
                lines.append(f"[-]{check_name} failed: reason withheld")
        what = self._path.strip("/")
        if failed:
            return Response(("\n".join([*lines, f"{what} check failed"]) + "\n").encode(), 500, TEXT)
        if "verbose" in exchange.request.query:
            return Response(("\n".join([*lines, f"{what} check passed"]) + "\n").encode(), content_type=TEXT)
        return Response(b"ok", content_type=TEXT)


def version(exchange: Exchange) -> Answer:
    """`/version`."""
    del exchange
    return Response(msgspec.json.format(msgspec.json.encode(VERSION), indent=2))


class Index:
    """`/`: the paths that there are."""

    def __init__(self, paths: Callable[[], list[str]]) -> None:
        self._paths = paths

    def __call__(self, exchange: Exchange) -> Answer:
        """Answer with the paths."""
        del exchange
        return Response(msgspec.json.format(msgspec.json.encode({"paths": sorted(self._paths())}), indent=2))
