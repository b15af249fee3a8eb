"""/statusz and /flagz of a running server: who may see them, and that they tell of this server."""

from __future__ import annotations

from pathlib import Path

from tests.server.harness import running

from sagong.api.clock import parse_time
from sagong.cluster.apiserver import ApiServerConfig, EtcdServers
from sagong.cluster.clock import RealClock
from sagong.server.flags import flags

MONITORING = {
    "metadata": {"name": "jane-looks"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:monitoring"},
    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "jane"}],
}
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"


def named(kind: str, version: str = "v1beta1") -> str:
    return f"application/json;g=config.k8s.io;v={version};as={kind}"


async def test_statusz(tmp_path: Path) -> None:
    before = RealClock().now()
    async with running(tmp_path) as api:
        text = (await api("GET", "/statusz")).raw.decode()
        assert text.startswith("\napiserver statusz\nWarning: This endpoint is not meant to be machine parseable")
        answer = await api("GET", "/statusz", accept=named("Statusz"))
        assert answer.header("content-type") == "application/json;g=config.k8s.io;v=v1beta1;as=Statusz"
        status, version = answer.body, (await api("GET", "/version")).body
        assert status["metadata"] == {"name": "apiserver"}
        assert abs((parse_time(status["startTime"]) - before).total_seconds()) < 60
        assert (status["binaryVersion"], status["goVersion"]) == (version["gitVersion"][1:], version["goVersion"])
        assert status["emulationVersion"] == f"{version['emulationMajor']}.{version['emulationMinor']}"
        assert status["paths"] == ["/flagz", "/healthz", "/livez", "/metrics", "/readyz", "/statusz", "/version"]
        assert {"/flagz", "/statusz"} <= set((await api("GET", "/")).body["paths"])


async def test_flagz(tmp_path: Path) -> None:
    async with running(tmp_path, max_requests_inflight=77) as api:
        found = (await api("GET", "/flagz", accept=named("Flagz"))).body["flags"]
        assert (found["max-requests-inflight"], found["tls-cert-file"]) == ("77", f"{tmp_path}/server.crt")
        assert "\nmax-requests-inflight" in (await api("GET", "/flagz")).raw.decode()


async def test_old_versions_warn_and_what_there_is_not_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        answer = await api("GET", "/flagz", accept=named("Flagz", "v1alpha1"))
        assert answer.header("warning") == '299 - "This version of the flagz endpoint is deprecated. Please use a newer version."'
        assert (await api("GET", "/flagz", accept=named("Flagz"))).header("warning") == ""
        answer = await api("GET", "/statusz", accept="application/json")
        assert (answer.status, answer.body["reason"]) == (406, "NotAcceptable")


async def test_requests_are_counted_as_what_was_answered(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        for accept in ("text/plain", named("Statusz"), named("Statusz", "v1alpha1")):
            await api("GET", "/statusz", accept=accept)
        await api("GET", "/flagz", accept="application/xml")
        lines = (await api("GET", "/metrics")).raw.decode().splitlines()
    for code, resource, group, version in (
        (200, "statusz", "", ""),
        (200, "statusz", "config.k8s.io", "v1beta1"),
        (200, "statusz", "config.k8s.io", "v1alpha1"),
        (406, "flagz", "", ""),
    ):
        about = f'dry_run="",group="{group}",resource="{resource}",scope="",subresource="",system_client="",verb="GET",version="{version}"'
        assert f'apiserver_request_total{{code="{code}",component="apiserver",{about}}} 1' in lines
    old = [line for line in lines if line.startswith("apiserver_requested_deprecated_apis{")]
    labels = 'group="config.k8s.io",removed_release="",resource="statusz",subresource="",version="v1alpha1"'
    assert old == [f"apiserver_requested_deprecated_apis{{{labels}}} 1"]


async def test_both_are_for_who_monitors(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        for path in ("/statusz", "/flagz"):
            assert (await api("GET", path, user="jane")).status == 403
        await api.ok("POST", BINDINGS, {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", **MONITORING})
        for path in ("/statusz", "/flagz"):
            assert (await api("GET", path, user="jane")).status == 200


def test_settings_have_the_names_of_upstreams_flags() -> None:
    etcd = EtcdServers(endpoints=["127.0.0.1:2379"], ca="/pki/etcd.crt")
    found = flags(ApiServerConfig(etcd=etcd, service_cidrs=["10.96.0.0/12", "fd00::/112"], encryption_config="/etc/keys.yaml"))
    wanted = {
        "secure-port": "6443",
        "bind-address": "0.0.0.0",
        "anonymous-auth": "true",
        "authorization-mode": "[Node,RBAC]",
        "encryption-provider-config": "/etc/keys.yaml",
        "etcd-servers": "[127.0.0.1:2379]",
        "etcd-cafile": "/pki/etcd.crt",
        "requestheader-allowed-names": "[front-proxy-client]",
        "service-cluster-ip-range": "10.96.0.0/12,fd00::/112",
        "service-node-port-range": "30000-32767",
        "token-auth-file": "",
    }
    assert {name: found.get(name) for name in wanted} == wanted
