"""The paths that are no resources: health, version, the index."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping

import msgspec

from sagong.api.exposition import CONTENT_TYPE
from sagong.api.slis import Slis
from sagong.server.discovery import Discovery
from sagong.server.dispatch import Page
from sagong.server.exchange import Exchange
from sagong.server.health import LEFT_OUT, Check, Health
from sagong.server.messages import Answer, Response
from sagong.server.openapi import OpenApi

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


def of(discovery: Discovery, openapi: OpenApi, checks: Mapping[str, Check]) -> dict[str, Page]:
    """Return the pages by path; one below a path that ends in `/` has the rest of it."""
    found: dict[str, Page] = {"/version": version, "/api": discovery.api, "/apis": discovery.apis}
    found |= {"/api/": discovery.below, "/apis/": discovery.below}
    found |= {"/openapi/v2": openapi.v2, "/openapi/v3": openapi.v3, "/openapi/v3/": openapi.group_version}
    slis = Slis()
    found["/metrics/slis"] = lambda _: Response(slis.page(), content_type=CONTENT_TYPE)
    for path, left_out in LEFT_OUT.items():
        health = Health(path, {name: check for name, check in checks.items() if name not in left_out}, slis)
        found |= {path: health, f"{path}/": health}
    found["/"] = Index(lambda: [path for path in found if path == "/" or not path.endswith("/")])
    return found


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
