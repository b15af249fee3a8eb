"""Warnings about pods and templates, as `path: message`."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.api.validation.support import META, make, merged

from sagong.api.types import apps, batch, core
from sagong.api.validation import validate_create
from sagong.api.warnings import warnings_of

CONTAINER = {"name": "c", "image": "i", "terminationMessagePolicy": "File"}
SPEC: dict[str, Any] = {"containers": [CONTAINER], "serviceAccountName": "s"}
NO_SELECTOR = "a null labelSelector results in matching no pod"
ZONE = "failure-domain.beta.kubernetes.io/zone"
ZONE_SAID = 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead'
SECCOMP = 'non-functional in v1.27+; use the "seccompProfile" field instead'
APPARMOR = "container.apparmor.security.beta.kubernetes.io/c"
APPARMOR_SAID = 'deprecated since v1.30; use the "appArmorProfile" field instead'
HIDES = 'hides previous definition of "A", which may be dropped when using apply'
NAME_ADVICE = "which can result in surprising behavior; a DNS label is recommended: [must not contain dots]"
REQUIRED, PREFERRED = "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"


def env(*variables: tuple[str, str]) -> dict[str, Any]:
    return {"containers": {0: {"env": [{"name": name, "value": value} for name, value in variables]}}}


def ports(*found: dict[str, Any]) -> dict[str, Any]:
    return {"containers": {0: {"ports": list(found)}}}


def volume(**source: Any) -> dict[str, Any]:
    return {"volumes": [{"name": "v", **source}]}


def items(*paths: str) -> list[dict[str, Any]]:
    return [{"key": "k", "path": path} for path in paths]


TERM = {"topologyKey": "k"}
CASES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    ({"nodeSelector": {ZONE: "z", "a": "b"}}, [f"spec.nodeSelector[{ZONE}]: {ZONE_SAID}"]),
    (
        {
            "affinity": {
                "nodeAffinity": {
                    REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [{"key": ZONE, "operator": "In", "values": ["z"]}]}]},
                    PREFERRED: [
                        {"weight": 1, "preference": {"matchExpressions": [{"key": "k", "operator": "In", "values": ["a", "-"]}]}},
                        {"weight": 1, "preference": {"matchExpressions": [{"key": ZONE, "operator": "Exists"}]}},
                    ],
                }
            }
        },
        [
            f"spec.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms[0].matchExpressions[0].key: {ZONE} is {ZONE_SAID}",
            f"spec.affinity.nodeAffinity.{PREFERRED}[0].preference.matchExpressions[0].values[1]: - is invalid, <label value>",
            f"spec.affinity.nodeAffinity.{PREFERRED}[1].preference.matchExpressions[0].key: {ZONE} is {ZONE_SAID}",
        ],
    ),
    (
        {"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule"}]},
        [
            f"spec.topologySpreadConstraints[0].topologyKey: {ZONE} is {ZONE_SAID}",
            f"spec.topologySpreadConstraints[0].labelSelector: {NO_SELECTOR}",
        ],
    ),
    (
        {
            "affinity": {
                "podAffinity": {REQUIRED: [TERM, {**TERM, "labelSelector": {}}]},
                "podAntiAffinity": {PREFERRED: [{"weight": 1, "podAffinityTerm": TERM}]},
            }
        },
        [
            f"spec.affinity.podAffinity.{REQUIRED}[0].labelSelector: {NO_SELECTOR}",
            f"spec.affinity.podAntiAffinity.{PREFERRED}[0].podAffinityTerm.labelSelector: {NO_SELECTOR}",
        ],
    ),
    (volume(gitRepo={"repository": "r"}), ["spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+"]),
    (volume(storageos={"volumeName": "n"}), ["spec.volumes[0].storageOS: deprecated in v1.22, non-functional in v1.25+"]),
    (volume(cephfs={"monitors": ["m"]}), ["spec.volumes[0].cephfs: deprecated in v1.28, non-functional in v1.31+"]),
    (volume(glusterfs={"endpoints": "e", "path": "p"}), ["spec.volumes[0].glusterfs: deprecated in v1.25, non-functional in v1.26+"]),
    (
        volume(
            ephemeral={"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1500m"}}}}}
        ),
        [
            (
                "spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources.requests[storage]: "
                'fractional byte value "1500m" is invalid, must be an integer'
            )
        ],
    ),
    (
        volume(configMap={"name": "m", "items": items("a", "a/b", "b", "ab")}),
        ['volume "v" (ConfigMap "m"): overlapping paths: "a/b" with "a"'],
    ),
    (volume(secret={"secretName": "s", "items": items("a", "a/")}), ['volume "v" (Secret "s"): overlapping paths: "a" with "a"']),
    (
        volume(
            projected={
                "sources": [
                    {"configMap": {"name": "m", "items": items("a/b")}},
                    {},
                    {"secret": {"name": "s", "items": items("a", "c")}},
                    {"serviceAccountToken": {"path": "c"}},
                ]
            }
        ),
        [
            'volume "v" (Projected) has no sources provided',
            'volume "v" (Projected): overlapping paths: "a" (Secret "s") with "a/b" (ConfigMap "m")',
            'volume "v" (Projected): overlapping paths: "c" (ServiceAccountToken) with "c" (Secret "s")',
        ],
    ),
    (
        {"hostAliases": [{"ip": "1.1.1.1", "hostnames": ["a"]}, {"ip": "1.1.1.1", "hostnames": ["b"]}]},
        ['spec.hostAliases[1].ip: duplicate ip "1.1.1.1"'],
    ),
    (
        {"hostAliases": [{"ip": "FD00::1", "hostnames": ["a"]}], "dnsConfig": {"nameservers": ["fd00:0::1"]}},
        [
            'spec.dnsConfig.nameservers[0]: IPv6 address "fd00:0::1" should be in RFC 5952 canonical format ("fd00::1")',
            'spec.hostAliases[0].ip: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")',
        ],
    ),
    (
        {"imagePullSecrets": [{"name": "s"}, {"name": "s"}, {}]},
        ['spec.imagePullSecrets[1].name: duplicate name "s"', 'spec.imagePullSecrets[2].name: invalid empty name ""'],
    ),
    (
        {"overhead": {"memory": "100m", "cpu": "100m"}},
        ['spec.overhead[memory]: fractional byte value "100m" is invalid, must be an integer'],
    ),
    (
        {"containers": {0: {"resources": {"limits": {"memory": "1500m", "cpu": "1500m"}}}}},
        [
            'spec.containers[0].resources.limits[memory]: fractional byte value "1500m" is invalid, must be an integer',
            'spec.containers[0].resources.requests[memory]: fractional byte value "1500m" is invalid, must be an integer',
        ],
    ),
    (env(("A", "1"), ("A", "2")), [f"spec.containers[0].env[1]: {HIDES}"]),
    (env(("A", "1"), ("A", "$(A)")), [f"spec.containers[0].env[1]: {HIDES}"]),
    (env(("A", "1"), ("A", "$(A)2")), []),
    (env(("A", "1"), ("B", "1")), []),
    (
        ports({"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}, {"containerPort": 80}),
        ["spec.containers[0].ports[2]: duplicate port definition with spec.containers[0].ports[0]"],
    ),
    (
        ports({"containerPort": 80}, {"containerPort": 80, "hostPort": 8080}),
        ["spec.containers[0].ports[1]: overlapping port definition with spec.containers[0].ports[0]"],
    ),
    (
        ports({"containerPort": 80, "hostPort": 80}, {"containerPort": 80, "hostPort": 80, "hostIP": "1.1.1.1"}),
        ["spec.containers[0].ports[1]: dangerously ambiguous port definition with spec.containers[0].ports[0]"],
    ),
    (ports({"containerPort": 80, "hostPort": 80}, {"containerPort": 80, "hostPort": 81}), []),
    (
        ports({"name": "web", "containerPort": 80, "hostIP": "1.1.1.1"}),
        ["spec.containers[0].ports[0]: hostIP set without hostPort: {Name:web HostPort:0 ContainerPort:80 Protocol:TCP HostIP:1.1.1.1}"],
    ),
    (
        {
            "initContainers": [{**CONTAINER, "name": "i", "restartPolicy": "Always", "ports": [{"name": "web", "containerPort": 80}]}],
            "containers": {0: {"ports": [{"name": "web", "containerPort": 81}]}},
        },
        [
            (
                'spec.containers[0].ports[0]: duplicate port name "web" with spec.initContainers[0].ports[0], '
                "services and probes that select ports by name will use spec.initContainers[0].ports[0]"
            )
        ],
    ),
]
WORDY = {"<label value>": "a valid label must be an empty string or consist of"}


def told(found: list[str]) -> list[str]:
    """Return warnings with the grammar of label values cut short."""
    for short, long in WORDY.items():
        found = [text.split(long)[0] + short if long in text else text for text in found]
    return found


@pytest.mark.parametrize(("change", "expected"), CASES)
def test_pods(change: dict[str, Any], expected: list[str]) -> None:
    pod = make(core.Pod, {"metadata": META, "spec": merged(SPEC, change)})
    assert [f"{cause.field}: {cause.message}" for cause in validate_create(pod)] == []
    assert told(warnings_of(pod)) == expected
    assert warnings_of(pod, pod) == []


@pytest.mark.parametrize(("change", "expected"), CASES)
def test_templates_have_the_same_warnings_below_their_path(change: dict[str, Any], expected: list[str]) -> None:
    template = make(core.PodTemplate, {"metadata": META, "template": {"spec": merged(SPEC, change)}})
    # a template's requests are not filled from its limits
    wanted = [text for text in expected if "resources.requests[memory]" not in text]
    assert told(warnings_of(template)) == [re.sub(r"(?<![.\w])spec\.", "template.spec.", text) for text in wanted]


@pytest.mark.parametrize(
    ("annotations", "spec", "of_pod", "of_template"),
    [
        *(
            ({key: "x"}, {}, [said], [said])
            for key, said in (
                ("scheduler.alpha.kubernetes.io/critical-pod", 'non-functional in v1.16+; use the "priorityClassName" field instead'),
                ("security.alpha.kubernetes.io/sysctls", 'non-functional in v1.11+; use the "sysctls" field instead'),
                ("seccomp.security.alpha.kubernetes.io/pod", SECCOMP),
                ("container.seccomp.security.alpha.kubernetes.io/c", SECCOMP),
            )
        ),
        (
            {"seccomp.security.alpha.kubernetes.io/pod": "runtime/default"},
            {"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}},
            [],
            [],
        ),
        ({APPARMOR: "runtime/default"}, {}, [], [APPARMOR_SAID]),
        ({APPARMOR: "runtime/default"}, {"securityContext": {"appArmorProfile": {"type": "RuntimeDefault"}}}, [], []),
        ({APPARMOR: "localhost/a"}, {"securityContext": {"appArmorProfile": {"type": "RuntimeDefault"}}}, [], [APPARMOR_SAID]),
    ],
)
def test_annotations(annotations: dict[str, str], spec: dict[str, Any], of_pod: list[str], of_template: list[str]) -> None:
    (key,) = annotations
    given = {"metadata": {**META, "annotations": annotations}, "spec": {**SPEC, **spec}}
    assert warnings_of(make(core.Pod, given)) == [f"metadata.annotations[{key}]: {said}" for said in of_pod]
    template = make(core.PodTemplate, {"metadata": META, "template": given})
    assert warnings_of(template) == [f"template.metadata.annotations[{key}]: {said}" for said in of_template]


def test_a_pod_s_name_becomes_its_hostname() -> None:
    pod = make(core.Pod, {"metadata": {**META, "name": "a.b"}, "spec": SPEC})
    assert warnings_of(pod) == [f"metadata.name: this is used in the Pod's hostname, {NAME_ADVICE}"]


def test_addresses_in_a_pod_s_status() -> None:
    status = {"podIPs": [{"ip": "10.0.0.1"}, {"ip": "FD00::1"}], "hostIPs": [{"ip": "::ffff:10.0.0.2"}]}
    pod = make(core.Pod, {"metadata": META, "spec": SPEC, "status": status})
    assert warnings_of(pod, pod, "status") == [
        'status.podIPs[1].ip: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")',
        'status.hostIPs[0].ip: non-standard IP address "::ffff:10.0.0.2" is invalid: use "10.0.0.2"',
    ]
    assert warnings_of(pod, pod, "resize") == []


GRACE = "terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"
JOB = {"template": {"spec": {**SPEC, "restartPolicy": "Never", "terminationGracePeriodSeconds": -1}}}
SELECTED = {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": JOB["template"]["spec"]}}
WORKLOADS: list[tuple[Any, dict[str, Any], str, bool]] = [
    (apps.Deployment, {"spec": SELECTED}, "spec.template.spec.", True),
    (apps.ReplicaSet, {"spec": SELECTED}, "spec.template.spec.", True),
    (apps.StatefulSet, {"spec": SELECTED}, "spec.template.spec.", False),
    (apps.DaemonSet, {"spec": SELECTED}, "spec.template.spec.", False),
    (core.ReplicationController, {"spec": {"template": SELECTED["template"]}}, "spec.template.spec.", True),
    (core.PodTemplate, {"template": SELECTED["template"]}, "template.spec.", False),
    (batch.Job, {"spec": JOB}, "spec.template.spec.", True),
    (batch.CronJob, {"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": JOB}}}, "spec.jobTemplate.spec.template.spec.", True),
]


@pytest.mark.parametrize(("kind", "given", "at", "name_counts"), WORKLOADS)
def test_a_template_is_warned_about_when_it_is_new_or_has_changed(kind: Any, given: dict[str, Any], at: str, *, name_counts: bool) -> None:
    old = make(kind, {**given, "metadata": {**META, "name": "a.b", "generation": 1}})
    named = [f"metadata.name: this is used in Pod names and hostnames, {NAME_ADVICE}"] if name_counts else []
    assert warnings_of(old) == [*named, f"{at}{GRACE}"]
    new = make(kind, {**given, "metadata": {**META, "name": "a.b", "generation": 1, "labels": {"x": "y"}}})
    assert warnings_of(new, old) == []
    new.metadata.generation = 2
    if kind is apps.DaemonSet:
        new.spec.template.metadata.labels["c"] = "d"
    assert warnings_of(new, old) == warnings_of(new, old, "scale") == [f"{at}{GRACE}"]
    assert warnings_of(new, old, "status") == []


def test_stateful_sets() -> None:
    spec = {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"spec": SPEC},
        "revisionHistoryLimit": -1,
        "volumeClaimTemplates": [{"spec": {"resources": {"requests": {"storage": "1m"}}}}],
    }
    found = make(apps.StatefulSet, {"metadata": META, "spec": spec})
    limit = "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended"
    part = 'resources.requests[storage]: fractional byte value "1m" is invalid, must be an integer'
    assert warnings_of(found) == [f"spec.volumeClaimTemplates[0].{part}", limit]
    assert warnings_of(found, found) == [f"spec.volumeClaimTemplates[0].Spec.{part}", limit]


def test_jobs_of_very_many_indexes() -> None:
    spec = {"completionMode": "Indexed", "completions": 100_001, "parallelism": 10_001, "template": {"spec": SPEC}}
    (text,) = warnings_of(make(batch.Job, {"metadata": META, "spec": spec}))
    assert text.startswith("spec: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4")
    assert warnings_of(make(batch.Job, {"metadata": META, "spec": {**spec, "completions": 100_000}})) == []


def test_a_time_zone_in_a_schedule_that_was_there_before() -> None:
    found = make(batch.CronJob, {"metadata": META, "spec": {"schedule": "TZ=UTC * * * * *", "jobTemplate": {"spec": JOB}}})
    assert warnings_of(found, found) == [
        (
            "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, "
            "see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
        )
    ]
