"""A sound spec is remembered for the pods of its template, and never speaks for another one."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.validation.support import META, complaints, make, merged

from sagong.api.field_errors import Errors
from sagong.api.types import apps, core
from sagong.api.types.meta import ObjectMeta
from sagong.api.validation import pod_templates, pods

TOKEN = {"sources": [{"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}}], "defaultMode": 420}


def pod(volume: str = "kube-api-access-abcde", **spec: Any) -> dict[str, Any]:
    mounts = [{"name": volume, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True}]
    container = {"name": "c", "image": "i", "imagePullPolicy": "Always", "volumeMounts": mounts}
    own = {"containers": [container], "serviceAccountName": "default", "volumes": [{"name": volume, "projected": TOKEN}]}
    return {"metadata": META, "spec": {**own, **spec}}


@pytest.fixture(autouse=True)
def _forget() -> None:
    pod_templates.forget()


def judged(body: dict[str, Any]) -> list[str]:
    return list(complaints(core.Pod, body))


def test_pods_of_one_template_are_one_text() -> None:
    assert judged(pod()) == []
    assert judged(pod("kube-api-access-fghij")) == []
    assert len(pod_templates._sound) == 1


@pytest.mark.parametrize(
    "other",
    [
        pod("kube-api-access-ABCDE"),
        pod("kube-api-access-"),
        pod(volumes=[{"name": "kube-api-access-abcde", "projected": TOKEN}] * 2),
        pod(volumes=[{"name": "kube-api-access-zzzzz", "projected": TOKEN}]),
        pod(containers=[{"name": "C", "image": "i", "imagePullPolicy": "Always"}]),
        merged(pod(), {"metadata": {"name": "A"}}),
    ],
)
def test_what_is_wrong_is_found_as_if_nothing_were_remembered(other: dict[str, Any]) -> None:
    anew = judged(other)
    assert anew
    pod_templates.forget()
    assert judged(pod()) == []
    assert judged(other) == anew


def test_where_the_pods_name_counts_nothing_is_remembered() -> None:
    claim = {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
    body = pod(volumes=[{"name": "data", "ephemeral": {"volumeClaimTemplate": claim}}], containers=pod()["spec"]["containers"][:0])
    body["spec"]["containers"] = [{"name": "c", "image": "i", "imagePullPolicy": "Always"}]
    assert judged(body) == []
    assert not pod_templates._sound
    long = merged(body, {"metadata": {"name": "n" * 250}})
    assert any("PVC name" in text for text in judged(long))


def test_the_template_of_a_workload_is_remembered_for_itself() -> None:
    body = {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": pod()["spec"]}}
    for _ in range(2):
        assert complaints(apps.Deployment, {"metadata": META, "spec": body}) == []
        assert len(pod_templates._sound) == 1
    assert judged(pod()) == []
    assert len(pod_templates._sound) == 2


def test_what_is_sound_in_a_template_may_not_be_in_a_pod() -> None:
    spec = make(core.Pod, pod()).spec
    spec.hostNetwork, spec.containers[0].ports = True, [core.ContainerPort(containerPort=80, protocol="TCP")]
    for meta, expected in ((None, []), (ObjectMeta(name="x"), ["spec.containers[0].ports[0].hostPort"])):
        errors = Errors()
        pods.pod_spec(errors, "spec", spec, meta)
        assert [cause.field for cause in errors] == expected


def test_memory_is_bounded() -> None:
    for number in range(100):
        assert judged(pod(hostname=f"h{number}")) == []
    assert len(pod_templates._sound) == pod_templates.MOST
