"""Which rule of a policy a request falls under."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from sagong.server.audit import policy
from sagong.server.audit.policy import PolicyError
from sagong.server.contract import User
from sagong.server.messages import Peer, Request
from sagong.server.request_info import request_info

JANE = User("jane", groups=("devs", "system:authenticated"))
PODS = "/api/v1/namespaces/shop/pods"


def document(*rules: dict[str, Any], **more: Any) -> bytes:
    return yaml.safe_dump({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": list(rules), **more}).encode()


@pytest.mark.parametrize(
    ("rule", "method", "path", "matches"),
    [
        ({}, "GET", "/healthz", True),
        ({"users": ["jane"]}, "GET", PODS, True),
        ({"users": ["john"]}, "GET", PODS, False),
        ({"userGroups": ["ops", "devs"]}, "GET", PODS, True),
        ({"userGroups": ["ops"]}, "GET", PODS, False),
        ({"verbs": ["list", "watch"]}, "GET", f"{PODS}?watch=1", True),
        ({"verbs": ["get"]}, "GET", PODS, False),
        ({"namespaces": ["shop"]}, "GET", PODS, True),
        ({"namespaces": [""]}, "GET", "/api/v1/nodes", True),
        ({"namespaces": ["shop"]}, "GET", "/healthz", False),
        ({"resources": [{"group": "", "resources": ["pods"]}]}, "GET", PODS, True),
        ({"resources": [{"group": "", "resources": ["pods"]}]}, "GET", f"{PODS}/a/log", False),
        ({"resources": [{"group": "", "resources": ["pods/log"]}]}, "GET", f"{PODS}/a/log", True),
        ({"resources": [{"group": "", "resources": ["pods/*"]}]}, "GET", f"{PODS}/a/log", True),
        ({"resources": [{"group": "", "resources": ["*/log"]}]}, "GET", f"{PODS}/a/log", True),
        ({"resources": [{"group": "", "resources": ["*/log"]}]}, "GET", PODS, False),
        ({"resources": [{"group": "apps"}]}, "GET", "/apis/apps/v1/deployments", True),
        ({"resources": [{"group": "apps"}]}, "GET", PODS, False),
        ({"resources": [{"group": "*", "resources": ["*"]}]}, "GET", PODS, True),
        ({"resources": [{"group": "", "resources": ["pods"], "resourceNames": ["a"]}]}, "GET", f"{PODS}/a", True),
        ({"resources": [{"group": "", "resources": ["pods"], "resourceNames": ["a"]}]}, "GET", f"{PODS}/b", False),
        ({"nonResourceURLs": ["/healthz*"]}, "GET", "/healthz/etcd", True),
        ({"nonResourceURLs": ["/healthz"]}, "GET", "/healthz/etcd", False),
        ({"nonResourceURLs": ["*"]}, "GET", PODS, False),
    ],
)
def test_a_rule_matches_what_it_says(rule: dict[str, Any], method: str, path: str, *, matches: bool) -> None:
    made = policy.parse(document({"level": "Request", **rule}))
    info = request_info(Request(method, path, {}, b"", Peer()))
    assert policy.decide(made, JANE, info).level == ("Request" if matches else "None")


def test_the_first_rule_decides_and_stages_add_up() -> None:
    rules: list[dict[str, Any]] = [{"level": "Metadata", "omitStages": ["Panic"], "omitManagedFields": False}, {"level": "RequestResponse"}]
    made = policy.parse(document(*rules, omitStages=["RequestReceived"], omitManagedFields=True))
    info = request_info(Request("GET", PODS, {}, b"", Peer()))
    assert policy.decide(made, JANE, info) == ("Metadata", ("RequestReceived", "Panic"), False)
    assert policy.decide(policy.parse(document(rules[1], omitManagedFields=True)), JANE, info) == ("RequestResponse", (), True)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"][", "failed decoding audit policy"),
        (document(), "loaded illegal policy with 0 rules"),
        (document({"level": "Everything"}), "Unsupported value: Everything"),
        (document({"level": "None"}, kind="Pod"), "unknown group version field"),
        (document({"level": "None", "omitStages": ["Nap"]}), "allowed stages are RequestReceived"),
        (document({"level": "None", "namespaces": ["a"], "nonResourceURLs": ["/x"]}), "rules cannot apply to both"),
        (document({"level": "None", "nonResourceURLs": ["x*y"]}), "non-resource URLs must start"),
        (document({"level": "None", "resources": [{"resourceNames": ["a"]}]}), "using resourceNames requires"),
        (document({"level": "None", "colour": "red"}), "unknown field `colour`"),
    ],
)
def test_a_policy_that_cannot_be_used_says_why(text: bytes, problem: str) -> None:
    with pytest.raises(PolicyError, match=problem):
        policy.parse(text)
