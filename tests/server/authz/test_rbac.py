from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sagong.api.errors import ApiError, ForbiddenError
from sagong.api.types.meta import LabelSelector, ObjectMeta
from sagong.api.types.rbac import AggregationRule, ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject
from sagong.server.authz.authorizer import forbidden_error
from sagong.server.authz.escalation import EscalationCheck
from sagong.server.contract import Attributes, User

if TYPE_CHECKING:
    from tests.server.authz.conftest import Opened

GROUP = "rbac.authorization.k8s.io"
JANE = User("jane", groups=("dev", "system:authenticated"))
ADMIN = User("root", groups=("system:masters",))


def rule(verbs: str, resources: str, group: str = "", names: str = "") -> PolicyRule:
    return PolicyRule(verbs=verbs.split(), apiGroups=[group], resources=resources.split(), resourceNames=names.split())


def role(name: str, *rules: PolicyRule, namespace: str = "ns") -> Role:
    return Role(metadata=ObjectMeta(name=name, namespace=namespace), rules=list(rules))


def binding(name: str, ref: str, *subjects: Subject, namespace: str = "ns") -> RoleBinding:
    kind, _, named = ref.partition("/")
    meta = ObjectMeta(name=name, namespace=namespace)
    return RoleBinding(metadata=meta, subjects=list(subjects), roleRef=RoleRef(apiGroup=GROUP, kind=kind, name=named))


def user(name: str) -> Subject:
    return Subject(kind="User", apiGroup=GROUP, name=name)


async def test_a_binding_grants_in_its_namespace_only(opened: Opened) -> None:
    async with opened() as policy:
        await policy.put(role("reader", rule("get list", "pods pods/log")))
        assert not policy.may(JANE, "get", "pods", namespace="ns")
        await policy.put(binding("b", "Role/reader", user("jane")))
        assert policy.may(JANE, "get", "pods", namespace="ns", name="a")
        assert policy.may(JANE, "get", "pods/log", namespace="ns", name="a")
        assert not policy.may(JANE, "get", "pods/exec", namespace="ns", name="a")
        assert not policy.may(JANE, "delete", "pods", namespace="ns", name="a")
        assert not policy.may(JANE, "get", "pods", namespace="other")
        assert not policy.may(JANE, "list", "pods")
        assert not policy.may(JANE, "get", "pods", namespace="ns", group="metrics.k8s.io")
        reason = policy.reason(JANE, "get", "pods", namespace="ns", name="a")
        assert reason == 'RBAC: allowed by RoleBinding "b/ns" of Role "reader" to User "jane"'
        await policy.drop("/registry/rolebindings/ns/b")
        assert not policy.may(JANE, "get", "pods", namespace="ns", name="a")


async def test_subjects_are_users_groups_and_service_accounts(opened: Opened) -> None:
    async with opened() as policy:
        await policy.put(role("reader", rule("get", "configmaps", names="only")))
        subjects = [Subject(kind="Group", name="ops"), Subject(kind="ServiceAccount", name="app"), Subject(kind="Robot", name="x")]
        await policy.put(binding("b", "Role/reader", *subjects))
        for who in (User("anyone", groups=("ops",)), User("system:serviceaccount:ns:app")):
            assert policy.may(who, "get", "configmaps", namespace="ns", name="only")
            assert not policy.may(who, "get", "configmaps", namespace="ns", name="other")
            assert not policy.may(who, "list", "configmaps", namespace="ns")
        assert not policy.may(User("x"), "get", "configmaps", namespace="ns", name="only")
        assert 'to ServiceAccount "app/ns"' in policy.reason(
            User("system:serviceaccount:ns:app"), "get", "configmaps", namespace="ns", name="only"
        )


async def test_a_decision_is_kept_for_all_names_that_no_rule_speaks_of(opened: Opened) -> None:
    async with opened() as policy:
        await policy.put(role("reader", rule("get", "pods"), rule("get", "configmaps", names="only")))
        await policy.put(binding("b", "Role/reader", user("jane")))
        kept = policy.authorizer._decisions
        assert all(policy.may(JANE, "get", "pods", namespace="ns", name=name) for name in ("a", "b", "c", ""))
        assert len(kept) == 1
        for _ in range(2):
            found = [policy.may(JANE, "get", "configmaps", namespace="ns", name=name) for name in ("a", "only", "b", "")]
            assert found == [False, True, False, False]
        assert len(kept) == 3
        await policy.put(role("reader", rule("get", "pods", names="b")))
        assert [policy.may(JANE, "get", "pods", namespace="ns", name=name) for name in ("a", "b", "only")] == [False, True, False]


async def test_a_missing_role_is_named_in_the_refusal(opened: Opened) -> None:
    async with opened() as policy:
        await policy.put(binding("b", "ClusterRole/none", user("jane")))
        asked = Attributes(JANE, "list", resource="pods", namespace="ns")
        decision = policy.authorizer.decide(asked)
        assert decision.reason == 'RBAC: clusterrole.rbac.authorization.k8s.io "none" not found'
        error = forbidden_error(asked, decision.reason)
        assert error.message == (
            'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "ns": '
            'RBAC: clusterrole.rbac.authorization.k8s.io "none" not found'
        )


def test_refusals_read_as_upstreams() -> None:
    asked = Attributes(JANE, "update", group="apps", resource="deployments", subresource="scale", name="web")
    assert forbidden_error(asked, "").message == (
        'deployments.apps "web" is forbidden: User "jane" cannot update resource "deployments/scale" in API group "apps" '
        "at the cluster scope"
    )
    path = Attributes(User("<script>"), "get", path="/metrics", resource_request=False)
    assert forbidden_error(path, "").message == 'forbidden: User "&lt;script&gt;" cannot get path "/metrics"'


async def test_the_policy_that_every_cluster_has(opened: Opened) -> None:
    async with opened() as policy:
        nobody = User("system:anonymous", groups=("system:unauthenticated",))
        for path, allowed in {"/healthz": True, "/version": True, "/metrics": False, "/api": False}.items():
            asked = Attributes(nobody, "get", path=path, resource_request=False)
            assert policy.authorizer.decide(asked).allowed is allowed
        assert policy.authorizer.decide(Attributes(JANE, "get", path="/apis/apps", resource_request=False)).allowed
        assert policy.may(ADMIN, "delete", "nodes", name="n")
        assert policy.may(JANE, "create", "selfsubjectaccessreviews", group="authorization.k8s.io")
        scheduler = User("system:kube-scheduler")
        assert policy.may(scheduler, "create", "pods/binding", namespace="x", name="p")
        assert not policy.may(scheduler, "delete", "nodes", name="n")
        collector = User("system:serviceaccount:kube-system:generic-garbage-collector")
        assert policy.may(collector, "delete", "foos", group="example.com", namespace="x", name="y")


async def test_nobody_grants_what_they_do_not_hold(opened: Opened) -> None:
    async with opened() as policy:
        check = EscalationCheck(policy.authorizer, policy.authorizer.rbac)
        await policy.put(role("own", rule("get list", "pods"), rule("create", "roles rolebindings", GROUP)))
        await policy.put(binding("b", "Role/own", user("jane")))
        await check.check(JANE, "ns", role("fine", rule("get", "pods")), None)
        await check.check(ADMIN, "ns", role("any", rule("*", "*", "*")), None)
        with pytest.raises(ForbiddenError) as refused:
            await check.check(JANE, "ns", role("more", rule("get delete watch", "pods"), rule("get", "secrets", names="s")), None)
        assert refused.value.message == (
            'roles.rbac.authorization.k8s.io "more" is forbidden: user "jane" (groups=["dev" "system:authenticated"]) '
            "is attempting to grant RBAC permissions not currently held:\n"
            '{APIGroups:[""], Resources:["pods"], Verbs:["delete" "watch"]}\n'
            '{APIGroups:[""], Resources:["secrets"], ResourceNames:["s"], Verbs:["get"]}'
        )
        old = role("more", rule("delete", "pods"))
        ending = old.copy()
        ending.metadata.finalizers = []
        await check.check(JANE, "ns", ending, old)
        with pytest.raises(ForbiddenError, match="attempting to grant"):
            await check.check(JANE, "ns", binding("x", "ClusterRole/system:node", user("joe")), None)
        with pytest.raises(ApiError, match="not found"):
            await check.check(JANE, "ns", binding("x", "Role/none", user("joe")), None)
        await policy.put(role("own", rule("bind", "clusterroles", GROUP, names="system:node"), rule("escalate", "roles", GROUP)))
        await check.check(JANE, "ns", binding("x", "ClusterRole/system:node", user("joe")), None)
        await check.check(JANE, "ns", role("more", rule("*", "*", "*")), None)


async def test_aggregation_needs_everything(opened: Opened) -> None:
    async with opened() as policy:
        check = EscalationCheck(policy.authorizer, policy.authorizer.rbac)
        gathering = ClusterRole(
            metadata=ObjectMeta(name="all"), aggregationRule=AggregationRule(clusterRoleSelectors=[LabelSelector(matchLabels={"a": "b"})])
        )
        with pytest.raises(ForbiddenError, match="must have cluster-admin privileges to use the aggregationRule"):
            await check.check(JANE, "", gathering, None)
        meta, ref = ObjectMeta(name="jane"), RoleRef(apiGroup=GROUP, kind="ClusterRole", name="cluster-admin")
        await policy.put(ClusterRoleBinding(metadata=meta, subjects=[user("jane")], roleRef=ref))
        await check.check(JANE, "", gathering, None)
