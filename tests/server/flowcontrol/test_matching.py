"""Which schema takes a request, and which queues a flow may use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagong.api.types.flowcontrol import FlowSchema
from sagong.server.bootstrap import flow_control
from sagong.server.contract import User
from sagong.server.flowcontrol import matching
from sagong.server.messages import Peer, Request
from sagong.server.request_info import RequestInfo, request_info

SCHEMAS = matching.in_order(obj for obj in flow_control.objects("") if isinstance(obj, FlowSchema))
EVERYBODY = "system:authenticated"
NODE = User("system:node:a", groups=("system:nodes", EVERYBODY))
MANAGER = User("system:kube-controller-manager", groups=(EVERYBODY,))
ACCOUNT = User("system:serviceaccount:kube-system:dns", groups=("system:serviceaccounts", EVERYBODY))
APP = User("system:serviceaccount:shop:app", groups=("system:serviceaccounts", EVERYBODY))
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"


def about(method: str, path: str) -> RequestInfo:
    return request_info(Request(method, path, {}, b"", Peer()))


@pytest.mark.parametrize(
    ("user", "method", "path", "schema", "flow"),
    [
        (User("root", groups=("system:masters", EVERYBODY)), "GET", "/api/v1/pods", "exempt", ""),
        (User("jane", groups=(EVERYBODY,)), "GET", "/healthz", "probes", ""),
        (User("system:anonymous", groups=("system:unauthenticated",)), "GET", "/readyz/etcd", "probes", ""),
        (User("jane", groups=(EVERYBODY,)), "POST", "/healthz", "global-default", "jane"),
        (NODE, "PATCH", "/api/v1/nodes/a/status", "system-node-high", "system:node:a"),
        (NODE, "PUT", f"{LEASES}/a", "system-node-high", "system:node:a"),
        (NODE, "GET", "/api/v1/namespaces/default/secrets/s", "system-nodes", "system:node:a"),
        (MANAGER, "PUT", f"{LEASES}/kube-controller-manager", "system-leader-election", MANAGER.name),
        (MANAGER, "DELETE", f"{LEASES}/x", "kube-controller-manager", "kube-system"),
        (MANAGER, "GET", "/apis/apps/v1/namespaces/shop/deployments", "kube-controller-manager", "shop"),
        (ACCOUNT, "GET", "/api/v1/services", "kube-system-service-accounts", ""),
        (ACCOUNT, "GET", f"{LEASES}/x", "system-leader-election", ACCOUNT.name),
        (APP, "GET", "/api/v1/namespaces/shop/pods", "service-accounts", APP.name),
        (User("jane", groups=(EVERYBODY,)), "GET", "/api/v1/pods", "global-default", "jane"),
        (User("odd"), "GET", "/api/v1/pods", "catch-all", "odd"),
    ],
)
def test_bootstrap_schemas_take_what_upstreams_take(user: User, method: str, path: str, schema: str, flow: str) -> None:
    info = about(method, path)
    found = matching.first_match(SCHEMAS, user, info)
    assert (found.metadata.name, matching.distinguisher(found, user, info)) == (schema, flow)


@given(st.integers(0, 2**64 - 1), st.integers(1, 128), st.data())
def test_a_hand_is_of_different_queues(value: int, queues: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, min(queues, 8)))
    hand = matching.deal(value, queues, size)
    assert len(set(hand)) == size
    assert all(0 <= index < queues for index in hand)


def test_every_hand_is_dealt_equally_often() -> None:
    hands = [matching.deal(value, 4, 2) for value in range(12)]
    assert len(set(hands)) == 12
    assert matching.deal(5, 3, 2) == (2, 1)


def test_flows_of_one_schema_differ() -> None:
    assert matching.flow_hash("s", "a") != matching.flow_hash("s", "b")
    assert matching.flow_hash("s", "a") == matching.flow_hash("s", "a")
