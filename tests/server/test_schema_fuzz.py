"""Requests that fit our OpenAPI documents, made by schemathesis for every operation: the answer is no 5xx, and it comes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.core.result import Ok
from tests.server.harness import Api, running

EXAMPLES = 1
SECONDS = 30.0
NAMES = ("a", "default", "kube-system")
UNAVAILABLE = (501, 503, 504)  # nobody behind a proxy, no time left: what upstream says, too


class Caller:
    """Sends cases and keeps what is wrong with the answers."""

    def __init__(self, api: Api) -> None:
        self.base = f"https://127.0.0.1:{api.server.port}"
        self.session = requests.Session()
        self.session.trust_env = False  # REQUESTS_CA_BUNDLE would win over `verify`
        self.session.verify = api.pki.path("ca.crt")
        self.session.cert = (api.pki.path("admin.crt"), api.pki.path("admin.key"))
        self.answers: Counter[int] = Counter()
        self.wrong: list[str] = []

    def call(self, case: Case[Any]) -> None:
        """Send one; names are often such as exist."""
        if "name" in case.path_parameters:
            case.path_parameters["name"] = NAMES[len(str(case.path_parameters["name"])) % len(NAMES)]
        if "namespace" in case.path_parameters:
            case.path_parameters["namespace"] = "default"
        sent: Mapping[str, Any] = case.as_transport_kwargs(base_url=self.base)
        what = f"{sent['method']} {sent['url']} {sent.get('params')} {str(sent.get('json', sent.get('data')))[:400]}"
        try:
            answer = self.session.request(**{**sent, "timeout": SECONDS}, stream=True)
            if not _is_watch(case):
                answer.content  # noqa: B018 - reads the body
        except requests.RequestException as error:
            self.wrong.append(f"{error!r}: {what}")
            return
        self.answers[answer.status_code // 100] += 1
        if answer.status_code >= 500 and answer.status_code not in UNAVAILABLE:
            self.wrong.append(f"{answer.status_code} {answer.text[:400]}: {what}")

        answer.close()

    def call_all(self, document: Mapping[str, Any]) -> None:
        """Try every operation of a document."""
        for found in schemathesis.openapi.from_dict(dict(document)).get_all_operations():
            assert isinstance(found, Ok)
            operation = found.ok()

            @given(case=operation.as_strategy())
            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            def attempt(case: Case[Any]) -> None:
                self.call(case)

            attempt()


def _is_watch(case: Case[Any]) -> bool:
    return "/watch/" in case.path or bool(case.query.get("watch"))


async def test_what_fits_the_schema_brings_no_error_of_the_server(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.ok("POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "default"}})
        paths = (await api("GET", "/openapi/v3")).body["paths"]
        documents = {path: (await api("GET", f"/openapi/v3/{path}")).body for path in paths}
        caller = Caller(api)
        for document in documents.values():
            await asyncio.to_thread(caller.call_all, document)
        assert (await (await api.connect()).request("GET", "/readyz")).status == 200
        assert not caller.wrong, "\n".join(caller.wrong[:20])
        assert caller.answers[2] > len(documents)
