"""Warnings reach clients as headers, each once, and only with an object that was taken or changed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.server.harness import APPLY, MERGE, Answer, running
from tests.server.test_kubectl import Kubectl

from sagong.server.warning_headers import warning_headers
from sagong.server.wire import head

GRACE = "must be >= 0; negative values are invalid and will be treated as 1"
APPARMOR = "container.apparmor.security.beta.kubernetes.io"
ENDPOINTS = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"


def warned(answer: Answer) -> list[str]:
    assert answer.status in (200, 201), answer.raw
    return [value.removeprefix('299 - "').removesuffix('"').replace('\\"', '"') for key, value in answer.headers if key == "Warning"]


def pod(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i"}], **spec}}


async def test_pods_are_warned_about_when_they_are_new(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        pods = f"{await api.namespace('a')}/pods"
        assert warned(await api("POST", pods, pod("plain"))) == []
        dotted = await api("POST", pods, pod("a.b", imagePullSecrets=[{"name": "s"}, {"name": "s"}, {"name": "s"}]))
        assert warned(dotted) == [
            (
                "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; "
                "a DNS label is recommended: [must not contain dots]"
            ),
            'spec.imagePullSecrets[1].name: duplicate name "s"',
            'spec.imagePullSecrets[2].name: duplicate name "s"',
        ]
        assert warned(await api("PATCH", f"{pods}/a.b", {"metadata": {"labels": {"x": "y"}}}, Content_Type=MERGE)) == []
        refused = await api("POST", pods, pod("x.y", imagePullSecrets=[{"name": "s"}, {"name": "s"}], restartPolicy="Sometimes"))
        assert (refused.status, refused.header("warning")) == (422, "")


async def test_a_pod_s_negative_grace_period_is_one_second(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        pods = f"{await api.namespace('a')}/pods"
        assert (await api.ok("POST", pods, pod("p", terminationGracePeriodSeconds=-5)))["spec"]["terminationGracePeriodSeconds"] == 1
        again = await api("PATCH", f"{pods}/p", {"spec": {"terminationGracePeriodSeconds": -7}}, Content_Type=MERGE)
        assert (again.status, again.body["spec"]["terminationGracePeriodSeconds"]) == (200, 1)


async def test_annotations_of_apparmor_become_fields(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        pods = f"{await api.namespace('a')}/pods"
        old = pod("p")
        old["metadata"]["annotations"] = {f"{APPARMOR}/c": "localhost/profile"}
        answer = await api("POST", pods, old)
        assert warned(answer) == [f'metadata.annotations[{APPARMOR}/c]: deprecated since v1.30; use the "appArmorProfile" field instead']
        profile = {"type": "Localhost", "localhostProfile": "profile"}
        assert answer.body["spec"]["containers"][0]["securityContext"] == {"appArmorProfile": profile}
        same = pod("q", securityContext={"appArmorProfile": profile})
        same["metadata"]["annotations"] = old["metadata"]["annotations"]
        answer = await api("POST", pods, same)
        assert (warned(answer), "securityContext" in answer.body["spec"]["containers"][0]) == ([], False)


async def test_templates_are_warned_about_when_they_change(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.namespace("a")
        path = "/apis/apps/v1/namespaces/a/deployments"
        template = {"metadata": {"labels": {"a": "b"}}, "spec": pod("", terminationGracePeriodSeconds=-1)["spec"]}
        given = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "d"},
            "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template},
        }
        said = [f"spec.template.spec.terminationGracePeriodSeconds: {GRACE}"]
        assert warned(await api("PATCH", f"{path}/d?fieldManager=m", given, Content_Type=APPLY)) == said
        assert warned(await api("PATCH", f"{path}/d", {"metadata": {"labels": {"x": "y"}}}, Content_Type=MERGE)) == []
        assert warned(await api("PATCH", f"{path}/d/scale", {"spec": {"replicas": 3}}, Content_Type=MERGE)) == said
        seen = (await api.ok("GET", f"{path}/d"))["spec"]["template"]["spec"]
        assert seen["terminationGracePeriodSeconds"] == -1


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
async def test_kubectl_shows_each_once(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.namespace("a")
        kubectl = Kubectl(api, tmp_path)
        given = {"apiVersion": "v1", "kind": "Pod", **pod("p", hostAliases=[{"ip": "1.1.1.1", "hostnames": ["h"]}] * 3)}
        _, out, err = await kubectl("apply", "-n", "a", "-f", "-", given=given)
        assert (out, err.splitlines()) == (
            "pod/p created\n",
            [f'Warning: spec.hostAliases[{i}].ip: duplicate ip "1.1.1.1"' for i in (1, 2)],
        )
        _, _, err = await kubectl("get", "-n", "a", "endpoints")
        assert err.splitlines()[0] == f"Warning: {ENDPOINTS}"


async def test_deprecated_apis_are_warned_about_with_every_verb(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        path = f"{await api.namespace('a')}/endpoints"
        sloppy = [{"addresses": [{"ip": "FD00::1"}]}]
        assert warned(await api("POST", path, {"metadata": {"name": "e"}, "subsets": sloppy})) == [
            ENDPOINTS,
            'subsets[0].addresses[0].ip: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")',
        ]
        for method, url in (("GET", path), ("GET", f"{path}/e"), ("DELETE", f"{path}/e")):
            assert warned(await api(method, url)) == [ENDPOINTS]
        assert warned(await api("GET", "/api/v1/componentstatuses")) == ["v1 ComponentStatus is deprecated in v1.19+"]
        metrics = (await api("GET", "/metrics")).raw.decode().splitlines()
        asked = [line for line in metrics if line.startswith("apiserver_requested_deprecated_apis{")]
        assert len(asked) == 2
        assert all('version="v1"' in line and line.endswith(" 1") for line in asked)
        assert 'resource="componentstatuses"' in asked[0]
        assert 'resource="endpoints"' in asked[1]


def test_headers_are_utf_8() -> None:
    written = head(200, "", warning_headers(["a — b"]), b"", length=0, close=False)
    assert 'Warning: 299 - "a — b"\r\n'.encode() in written
    assert b"A: x  B: y \r\n" in head(200, "", [("A", "x\r\nB: y\0")], b"", length=0, close=False)


def test_headers() -> None:
    for texts, expected in (
        ([], []),
        (["a", "b", "", "a"], ["a", "b"]),
        (['say "a"', "a\\b"], ['say \\"a\\"', "a\\\\b"]),
        (["two\r\nlines", "a\x85b", "\udc80", "fit"], ["fit"]),
        (["é"], ["é".encode().decode("latin-1")]),
        (["a" * 4096], ["a" * 4096]),
        (["a" * 4096, "b"], ["a" * 256, "b"]),
        ([f"{i:04}" * 100 for i in range(20)], [f"{i:04}" * 64 for i in range(16)]),
    ):
        assert warning_headers(texts) == [("Warning", f'299 - "{text}"') for text in expected]
