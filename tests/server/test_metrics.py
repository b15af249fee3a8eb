"""What a real server offers under /metrics, held against what upstream guarantees of it: types, labels, buckets, stability."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace
from tests.server.harness import APPLY, MERGE, Api, config_map, pod, running
from tests.server.policies.support import CONFIG_MAPS, validating

from sagong.server.request_metrics import LABELS

WATCH_LIST = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"

_ADMISSION = (0.005, 0.025, 0.1, 0.5, 1, 2.5)
_DURATIONS = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60)
_WATCH_LISTS = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 15, 20, 30, 45, 60)
_DEFAULT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_CHECK = ("enforcement_action", "error_type", "policy", "policy_binding")
_LEVEL = ("flow_schema", "priority_level")

# name: type, stability, labels, buckets
Guarantee = tuple[str, str, tuple[str, ...], tuple[float, ...]]
GUARANTEED: dict[str, Guarantee] = {
    "apiserver_admission_controller_admission_duration_seconds": (
        *("histogram", "STABLE"),
        ("name", "operation", "rejected", "type"),
        _ADMISSION,
    ),
    "apiserver_admission_step_admission_duration_seconds": ("histogram", "STABLE", ("operation", "rejected", "type"), _ADMISSION),
    "apiserver_current_inflight_requests": ("gauge", "STABLE", ("request_kind",), ()),
    "apiserver_longrunning_requests": ("gauge", "STABLE", LABELS, ()),
    "apiserver_request_duration_seconds": ("histogram", "STABLE", (*LABELS, "dry_run"), _DURATIONS),
    "apiserver_request_total": ("counter", "STABLE", (*LABELS, "code", "dry_run", "system_client"), ()),
    "apiserver_requested_deprecated_apis": (
        *("gauge", "STABLE"),
        ("group", "removed_release", "resource", "subresource", "version"),
        (),
    ),
    "apiserver_response_sizes": ("histogram", "STABLE", LABELS, (1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9)),
    "apiserver_storage_objects": ("gauge", "STABLE", ("resource",), ()),
    "apiserver_storage_size_bytes": ("gauge", "STABLE", ("storage_cluster_id",), ()),
    "apiserver_flowcontrol_current_executing_requests": ("gauge", "BETA", _LEVEL, ()),
    "apiserver_flowcontrol_current_executing_seats": ("gauge", "BETA", _LEVEL, ()),
    "apiserver_flowcontrol_current_inqueue_requests": ("gauge", "BETA", _LEVEL, ()),
    "apiserver_flowcontrol_dispatched_requests_total": ("counter", "BETA", _LEVEL, ()),
    "apiserver_flowcontrol_nominal_limit_seats": ("gauge", "BETA", ("priority_level",), ()),
    "apiserver_flowcontrol_request_wait_duration_seconds": (
        *("histogram", "BETA"),
        (*_LEVEL, "execute"),
        (0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30),
    ),
    "kubernetes_build_info": (
        *("gauge", "BETA"),
        ("build_date", "compiler", "git_commit", "git_tree_state", "git_version", "go_version", "major", "minor", "platform"),
        (),
    ),
    "kubernetes_feature_enabled": ("gauge", "BETA", ("name", "stage"), ()),
    "registered_metrics_total": ("counter", "BETA", ("deprecated_version", "stability_level"), ()),
    "disabled_metrics_total": ("counter", "BETA", (), ()),
    "hidden_metrics_total": ("counter", "BETA", (), ()),
    "apiserver_storage_events_received_total": ("counter", "BETA", ("group", "resource"), ()),
    "apiserver_watch_list_duration_seconds": ("histogram", "BETA", ("group", "resource", "scope", "version"), _WATCH_LISTS),
    "apiserver_cel_compilation_duration_seconds": ("histogram", "BETA", (), _DEFAULT),
    "apiserver_cel_evaluation_duration_seconds": ("histogram", "BETA", (), _DEFAULT),
    "apiserver_validating_admission_policy_check_total": ("counter", "BETA", _CHECK, ()),
    "apiserver_validating_admission_policy_check_duration_seconds": ("histogram", "BETA", _CHECK, (5e-7, 0.001, 0.01, 0.1, 1)),
    "apiserver_watch_events_total": ("counter", "ALPHA", ("group", "resource", "version"), ()),
    "apiserver_authorization_decisions_total": ("counter", "ALPHA", ("decision", "name", "type"), ()),
    "apiserver_client_certificate_expiration_seconds": (
        *("histogram", "ALPHA"),
        (),
        (0, 1800, 3600, 7200, 21600, 43200, 86400, 172800, 345600, 604800, 2592000, 7776000, 15552000, 31104000),
    ),
    "apiserver_tls_handshake_errors_total": ("counter", "ALPHA", (), ()),
    "apiserver_request_sli_duration_seconds": ("histogram", "ALPHA", LABELS, _DURATIONS[2:]),
    "authenticated_user_requests": ("counter", "ALPHA", ("username",), ()),
    "authentication_attempts": ("counter", "ALPHA", ("result",), ()),
}


@dataclass
class Family:
    """A family as a scraper reads it."""

    level: str
    kind: str = ""
    samples: list[tuple[str, dict[str, str], float]] = field(default_factory=list)

    def value(self, suffix: str = "", **labels: str) -> float:
        """Return the sum of what has these labels."""
        return sum(value for end, found, value in self.samples if end == suffix and labels.items() <= found.items())


async def scraped(api: Api) -> dict[str, Family]:
    answer = await api("GET", "/metrics")
    assert answer.header("content-type") == "text/plain; version=0.0.4; charset=utf-8"
    families: dict[str, Family] = {}
    name = ""
    for line in answer.raw.decode().splitlines():
        if line.startswith("# HELP "):
            _, _, name, text = line.split(" ", 3)
            assert name not in families, f"{name} is offered twice"
            families[name] = Family(text.partition("]")[0].lstrip("[") if text.startswith("[") else "")
        elif line.startswith("# TYPE "):
            families[name].kind = line.split(" ")[3]
        else:
            matched = re.fullmatch(rf"{name}(\w*?)(?:{{(.*)}})? (\S+)", line)
            assert matched is not None, line
            labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', matched[2] or ""))
            families[name].samples.append((matched[1], labels, float(matched[3])))
    return families


def held_against(families: dict[str, Family], guaranteed: dict[str, Guarantee]) -> None:
    """Insist that all are offered as guaranteed."""
    for name, (kind, level, labels, buckets) in guaranteed.items():
        family = families[name]
        assert (family.kind, family.level) == (kind, level), name
        edges = list(dict.fromkeys(labels.pop("le") for suffix, labels, _ in family.samples if suffix == "_bucket"))
        assert edges == [*(f"{edge:g}" for edge in buckets), *(["+Inf"] if kind == "histogram" else [])], name
        assert {frozenset(found) for _, found, _ in family.samples} == {frozenset(labels)}, name


async def used(api: Api) -> str:
    """Ask for something of each kind; return the path of a namespace with one pod."""
    base = await api.namespace("ns")
    await api.ok("POST", f"{base}/pods", pod("web"))
    await api.ok("GET", f"{base}/pods")
    await api.ok("GET", f"{base}/pods/web")
    await api.ok("GET", "/api/v1/endpoints")
    await api.ok("PATCH", f"{base}/pods/web", {"metadata": {"labels": {"a": "b"}}}, Content_Type=MERGE)
    return base


async def test_all_that_upstream_guarantees_is_offered(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await used(api)
        spec = {"matchConstraints": CONFIG_MAPS, "validations": [{"expression": "!has(object.data)"}, {"expression": "object.none == 'x'"}]}
        await validating(api, "plain", spec, {"validationActions": ["Warn", "Audit"]})
        await api.ok("POST", f"{base}/configmaps", config_map("c", a="b"))
        assert (await api("GET", "/version", user="jane")).status == 200  # members of system:masters are not asked about
        watch = await api.watch(f"{base}/pods?{WATCH_LIST}")
        assert await watch.names(1) == [("ADDED", "web")]
        await watch.event()
        await api.ok("DELETE", f"{base}/pods/web?gracePeriodSeconds=0")
        assert await watch.names(1) == [("DELETED", "web")]
        families = await scraped(api)
        held_against(families, GUARANTEED)
        events, checks = families["apiserver_watch_events_total"], families["apiserver_validating_admission_policy_check_total"]
        assert events.value(resource="pods") == 3  # added, bookmark, deleted
        assert families["apiserver_storage_events_received_total"].value(resource="pods") >= 3
        assert families["apiserver_watch_list_duration_seconds"].value("_count", resource="pods", scope="namespace") == 1
        for action in ("warn", "audit"):
            assert checks.value(policy="plain", policy_binding="plain", enforcement_action=action, error_type="no_error") == 1
            assert checks.value(policy="plain", policy_binding="plain", enforcement_action=action, error_type="invalid_error") == 1
        assert families["apiserver_client_certificate_expiration_seconds"].value("_sum") > 0
        registered = families["registered_metrics_total"]
        for level in ("STABLE", "BETA", "ALPHA"):
            shown = sum(family.level == level for family in families.values())
            assert registered.value(stability_level=level) >= shown > 0  # some have nothing to show yet
        await watch.close()


async def test_requests_are_counted_by_what_they_are(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await used(api)
        agent = {"User_Agent": "kube-scheduler/v1.36.0 (linux/amd64)"}
        await api.ok("POST", f"{base}/configmaps?dryRun=All", config_map("c"), **agent)
        assert (await api("POST", f"{base}/configmaps?dryRun=Some", config_map("c"))).status == 422
        applied = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "d"}}
        await api.ok("PATCH", f"{base}/configmaps/d?fieldManager=me", applied, Content_Type=APPLY)
        await api.ok("DELETE", f"{base}/configmaps")
        assert (await api("GET", "/api", user="")).status == 403
        assert (await api("GET", "/api", user="", Authorization="Bearer none")).status == 401
        families = await scraped(api)
        total, sizes = families["apiserver_request_total"], families["apiserver_response_sizes"]
        durations, slis = families["apiserver_request_duration_seconds"], families["apiserver_request_sli_duration_seconds"]
        for labels in (
            {"verb": "POST", "resource": "pods", "scope": "resource", "code": "201", "dry_run": "", "system_client": ""},
            {"verb": "GET", "resource": "pods", "scope": "resource", "code": "200"},
            {"verb": "LIST", "resource": "pods", "scope": "namespace", "code": "200"},
            {"verb": "LIST", "resource": "endpoints", "scope": "cluster", "code": "200"},
            {"verb": "PATCH", "resource": "pods", "scope": "resource", "code": "200"},
            {"verb": "APPLY", "resource": "configmaps", "scope": "resource", "code": "201"},
            {"verb": "DELETE", "resource": "configmaps", "scope": "namespace", "code": "200"},
            {"verb": "POST", "resource": "configmaps", "code": "201", "dry_run": "All", "system_client": "kube-scheduler"},
            {"verb": "POST", "resource": "configmaps", "code": "422", "dry_run": "invalid"},
        ):
            assert total.value(**labels) == 1, labels
        assert durations.value("_count", verb="POST", resource="configmaps", dry_run="All") == 1
        assert slis.value("_count", verb="POST", resource="configmaps") == 0  # what is tried out says nothing
        assert slis.value("_count", verb="LIST", resource="pods") == 1
        assert sizes.value("_count", verb="LIST", resource="pods") == 1
        assert sizes.value("_sum", verb="LIST", resource="pods") > 500
        assert sizes.value("_count", verb="POST") == 0
        assert families["authentication_attempts"].value(result="error") == 1
        users = families["authenticated_user_requests"]
        assert users.value(username="admin") > 5
        assert users.value(username="other") == 1
        assert families["authentication_attempts"].value(result="success") == users.value()


async def test_a_large_list_is_as_large_as_what_was_sent(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("ns")
        for index in range(3):
            await api.ok("POST", f"{base}/configmaps", config_map(f"c{index}", key="x" * 150_000))
        size = len((await api("GET", f"{base}/configmaps")).raw)
        assert size > 400_000
        sizes = (await scraped(api))["apiserver_response_sizes"]
        assert sizes.value("_sum", verb="LIST", resource="configmaps") == size


async def test_admission_is_timed_by_plugin_and_as_a_whole(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await used(api)
        assert (await api("POST", "/api/v1/namespaces/none/configmaps", config_map("c"))).status == 404
        refused = pod("b", priorityClassName="none")
        assert (await api("POST", f"{base}/pods", refused)).status == 403
        families = await scraped(api)
        plugins = families["apiserver_admission_controller_admission_duration_seconds"]
        steps = families["apiserver_admission_step_admission_duration_seconds"]
        for name in ("NamespaceLifecycle", "ServiceAccount", "LimitRanger", "Priority", "DefaultTolerationSeconds"):
            assert plugins.value("_count", name=name, type="admit", operation="CREATE", rejected="false") >= 1, name
        assert plugins.value("_count", name="ResourceQuota", type="validate", operation="CREATE", rejected="false") >= 1
        assert plugins.value("_count", name="Priority", rejected="true") == 1
        assert plugins.value("_count", name="NamespaceLifecycle", rejected="true") == 1
        assert steps.value("_count", type="admit", operation="CREATE", rejected="true") == 2
        assert steps.value("_count", type="validate", operation="UPDATE", rejected="false") >= 1


async def test_clients_cannot_make_up_series(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await used(api)
        await scraped(api)
        await _odd(api, base, 0)
        before = {name: len(family.samples) for name, family in (await scraped(api)).items()}
        for index in range(1, 20):
            await _odd(api, base, index)
        after = {name: len(family.samples) for name, family in (await scraped(api)).items()}
        assert after == before


async def test_handshakes_that_fail_are_counted(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        server = api.server.http
        server.limits = replace(server.limits, handshake_seconds=-2.0)  # counted as soon as the sweeper comes by
        _, writer = await asyncio.open_connection("127.0.0.1", api.server.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        for _ in range(100):
            if failed := (await scraped(api))["apiserver_tls_handshake_errors_total"].value():
                break
            await asyncio.sleep(0.1)
        assert failed == 1
        writer.close()


async def _odd(api: Api, base: str, index: int) -> None:
    for path in (
        f"/apis/made{index}.up/v1/things",
        f"/api/v1/things{index}",
        f"{base}/pods/web/sub{index}",
        f"/page{index}",
        f"/{index}/x",
    ):
        await api("GET", path, User_Agent=f"kube-scheduler{index}/x")
    await api("GET", f"{base}/pods?dryRun={index}&fieldValidation={index}", User_Agent=f"agent{index}/1")
    await api("PATCH", f"{base}/pods/web", {}, Content_Type=f"made/up{index}")
