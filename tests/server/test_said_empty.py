"""What is said to be empty is a change for kinds that are compared as Go compares values that may be nil."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.server.harness import APPLY, JSON_PATCH, MERGE, STRATEGIC, running

POLICIES = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies"
HOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
EMPTY: dict[str, Any] = {"podSelector": {}, "egress": [], "policyTypes": ["Egress"]}
NONE: dict[str, Any] = {"podSelector": {}, "policyTypes": ["Egress"]}


def policy(spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "n"}, "spec": spec}


@pytest.mark.parametrize(
    ("method", "body", "media", "counted"),
    [
        ("PUT", policy(EMPTY), "application/json", 1),
        ("PUT", policy(NONE), "application/json", 0),
        ("PUT", policy({**NONE, "egress": None}), "application/json", 0),
        ("PUT", policy({**NONE, "podSelector": {"matchLabels": {}}}), "application/json", 1),
        ("PATCH", {"spec": {"egress": []}}, MERGE, 1),
        ("PATCH", {"spec": {"egress": []}}, STRATEGIC, 1),
        ("PATCH", {"metadata": {"labels": {"a": "b"}, "finalizers": []}}, MERGE, 0),
        ("PATCH", [{"op": "add", "path": "/spec/egress", "value": []}], JSON_PATCH, 1),
        ("PATCH", [{"op": "add", "path": "/metadata/labels", "value": {}}], JSON_PATCH, 0),
        ("PATCH", policy(EMPTY), APPLY, 1),
    ],
)
async def test_a_policy_counts_what_is_said_to_be_empty(tmp_path: Path, method: str, body: Any, media: str, counted: int) -> None:
    async with running(tmp_path) as api:
        assert (await api.ok("POST", POLICIES, policy(EMPTY)))["metadata"]["generation"] == 1
        for again in (1, 2):
            query = "?fieldManager=x&force=true" if media == APPLY else ""
            answer = await api(method, f"{POLICIES}/n{query}", body, Content_Type=media)
            assert (answer.status, answer.body["metadata"]["generation"]) == (200, 1 + again * counted)
            assert "egress" not in answer.body["spec"]


async def test_so_do_webhooks(tmp_path: Path) -> None:
    hook = {"name": "a.b.c", "clientConfig": {"url": "https://127.0.0.1:1/x"}, "sideEffects": "None", "admissionReviewVersions": ["v1"]}
    async with running(tmp_path) as api:
        made = await api.ok("POST", HOOKS, {"metadata": {"name": "h"}, "webhooks": [hook]})
        assert made["metadata"]["generation"] == 1
        for generation in (2, 3):
            answer = await api.ok("PATCH", f"{HOOKS}/h", {"webhooks": [{**hook, "matchConditions": []}]}, Content_Type=MERGE)
            assert answer["metadata"]["generation"] == generation
        answer = await api.ok("PATCH", f"{HOOKS}/h", {"webhooks": [{**hook, "namespaceSelector": {}}]}, Content_Type=MERGE)
        assert answer["metadata"]["generation"] == 3, "an object without members is no empty list"


async def test_what_cannot_be_read_is_no_error_of_the_server(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.ok("POST", POLICIES, policy(NONE))
        for body in (b'{"a": "\xf2("}', b"{", b"[" * 100_000, b"null", b"[1, {}]"):
            for method, media in (("PUT", "application/json"), ("PATCH", MERGE), ("PATCH", JSON_PATCH), ("PATCH", APPLY)):
                assert (await api(method, f"{POLICIES}/n?fieldManager=x", body, Content_Type=media)).status < 500
