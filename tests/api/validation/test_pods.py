from __future__ import annotations

from typing import Any

import pytest
from tests.api.validation.support import META, complaints, make, merged, update_complaints

from sagong.api.errors import invalid
from sagong.api.types import core
from sagong.api.validation import validate_create

POD: dict[str, Any] = {"metadata": META, "spec": {"containers": [{"name": "c", "image": "nginx", "imagePullPolicy": "Always"}]}}
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric "
    "character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def container(**fields: Any) -> dict[str, Any]:
    return {"spec": {"containers": {0: fields}}}


def spec(**fields: Any) -> dict[str, Any]:
    return {"spec": fields}


C = "spec.containers[0]"


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"metadata": {"name": "A"}}, [f'metadata.name: Invalid value: "A": {SUBDOMAIN}']),
        ({"metadata": {"name": ""}}, ["metadata.name: Required value: name or generateName is required"]),
        ({"metadata": {"namespace": "A"}}, [f'metadata.namespace: Invalid value: "A": {LABEL}']),
        (spec(containers=[]), ["spec.containers: Required value"]),
        (container(name=""), [f"{C}.name: Required value"]),
        (container(name="A"), [f'{C}.name: Invalid value: "A": {LABEL}']),
        (container(image=""), [f"{C}.image: Required value"]),
        (container(image=" a"), [f'{C}.image: Invalid value: " a": must not have leading or trailing whitespace']),
        (
            container(imagePullPolicy="Sometimes"),
            [f'{C}.imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"'],
        ),
        (spec(containers={1: {"name": "c", "image": "i"}}), ['spec.containers[1].name: Duplicate value: "c"']),
        (
            container(
                ports=[{"containerPort": 0, "name": "A_very_long_port_name"}, {"containerPort": 70000, "hostPort": -1, "protocol": "X"}]
            ),
            [
                f'{C}.ports[0].name: Invalid value: "A_very_long_port_name": must be no more than 15 characters',
                (
                    f'{C}.ports[0].name: Invalid value: "A_very_long_port_name": must contain only alpha-numeric characters (a-z, '
                    f"0-9), and "
                    "hyphens (-)"
                ),
                f"{C}.ports[0].containerPort: Required value",
                f"{C}.ports[1].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
                f"{C}.ports[1].hostPort: Invalid value: -1: must be between 1 and 65535, inclusive",
                f'{C}.ports[1].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
            ],
        ),
        (
            container(ports=[{"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 80}]),
            [f'{C}.ports[1].hostPort: Duplicate value: "TCP//80"'],
        ),
        (
            container(env=[{"name": "a=b", "value": "v", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
            [
                (
                    f'{C}.env[0].name: Invalid value: "a=b": a valid environment variable name must consist only of printable ASCII '
                    "characters other than '='"
                ),
                f'{C}.env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
            ],
        ),
        (
            container(env=[{"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "spec.color"}}}, {"name": "b", "valueFrom": {}}]),
            [
                (
                    f'{C}.env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.color": error converting fieldPath: field label not '
                    "supported: spec.color"
                ),
                (
                    f'{C}.env[1].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, '
                    "`secretKeyRef` or `fileKeyRef`"
                ),
            ],
        ),
        (
            container(env=[{"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "status.phase"}}}]),
            [
                (
                    f'{C}.env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "status.phase": supported values: "metadata.name", '
                    '"metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", '
                    '"status.podIP", "status.podIPs"'
                )
            ],
        ),
        (
            container(env=[{"name": "a", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "3"}}}]),
            [
                (
                    f'{C}.env[0].valueFrom.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor\'s values 1m and 1 are '
                    "supported with the cpu resource"
                )
            ],
        ),
        (
            container(envFrom=[{}]),
            [f'{C}.envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`'],
        ),
        (
            container(volumeMounts=[{"name": "v", "mountPath": ""}, {"name": "v", "mountPath": "", "subPath": "/a"}]),
            [
                f'{C}.volumeMounts[0].name: Not found: "v"',
                f"{C}.volumeMounts[0].mountPath: Required value",
                f'{C}.volumeMounts[1].name: Not found: "v"',
                f"{C}.volumeMounts[1].mountPath: Required value",
                f'{C}.volumeMounts[1].mountPath: Invalid value: "": must be unique',
                f'{C}.volumeMounts.subPath: Invalid value: "/a": must be a relative path',
            ],
        ),
        (
            container(resources={"requests": {"cpu": "2", "foo": "1", "example.com/gpu": "1500m"}, "limits": {"cpu": "1"}}),
            [
                f'{C}.resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
                f'{C}.resources.requests[foo]: Invalid value: "foo": must be a standard resource type or fully qualified',
                f'{C}.resources.requests[foo]: Invalid value: "foo": must be a standard resource for containers',
                f'{C}.resources.requests[example.com/gpu]: Invalid value: "1500m": must be an integer',
                f"{C}.resources.limits: Required value: Limit must be set for non overcommitable resources",
            ],
        ),
        (
            container(resources={"limits": {"hugepages-2Mi": "3Mi"}}),
            [
                f'{C}.resources.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
                f'{C}.resources.requests[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
                f"{C}.resources: Forbidden: HugePages require cpu or memory",
            ],
        ),
        (
            container(livenessProbe={"successThreshold": 2, "httpGet": {"port": 0, "scheme": "FTP"}, "exec": {"command": []}}),
            [
                f"{C}.livenessProbe.exec.command: Required value",
                f"{C}.livenessProbe.httpGet: Forbidden: may not specify more than 1 handler type",
                f"{C}.livenessProbe.successThreshold: Invalid value: 2: must be 1",
            ],
        ),
        (
            container(readinessProbe={"terminationGracePeriodSeconds": 5, "timeoutSeconds": -1, "tcpSocket": {"port": "Web"}}),
            [
                (
                    f'{C}.readinessProbe.tcpSocket.port: Invalid value: "Web": must contain only alpha-numeric characters (a-z, 0-9), and '
                    "hyphens (-)"
                ),
                f"{C}.readinessProbe.timeoutSeconds: Invalid value: -1: must be greater than or equal to 0",
                f"{C}.readinessProbe.terminationGracePeriodSeconds: Invalid value: 5: must not be set for readinessProbes",
            ],
        ),
        (
            container(lifecycle={"preStop": {}, "postStart": {"sleep": {"seconds": 100}}}),
            [
                f"{C}.lifecycle.postStart.sleep: Invalid value: 100: must be non-negative and less than terminationGracePeriodSeconds (30)",
                f"{C}.lifecycle.preStop: Required value: must specify a handler type",
            ],
        ),
        (
            container(securityContext={"runAsUser": -1, "allowPrivilegeEscalation": False, "privileged": True}),
            [
                f"{C}.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive",
                (
                    f"{C}.securityContext: Invalid value: "
                    f'{{"Capabilities":null,"Privileged":true,"SELinuxOptions":null,"WindowsOptions":null,'
                    '"RunAsUser":-1,"RunAsGroup":null,"RunAsNonRoot":null,"ReadOnlyRootFilesystem":null,"AllowPrivilegeEscalation":false,'
                    '"ProcMount":null,"SeccompProfile":null,"AppArmorProfile":null}: cannot set `allowPrivilegeEscalation` to false and '
                    "`privileged` to true"
                ),
            ],
        ),
        (
            container(securityContext={"seccompProfile": {"type": "Localhost"}, "appArmorProfile": {"type": "X"}}),
            [
                f"{C}.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost",
                (
                    f'{C}.securityContext.appArmorProfile.type: Unsupported value: "X": supported values: "Localhost", "RuntimeDefault", '
                    '"Unconfined"'
                ),
            ],
        ),
        (
            spec(initContainers=[{"name": "c", "image": "i", "readinessProbe": {"exec": {"command": ["a"]}}}]),
            [
                'spec.initContainers[0].name: Duplicate value: "c"',
                "spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
            ],
        ),
        (
            spec(ephemeralContainers=[{"name": "e", "image": "i", "ports": [{"containerPort": 1}], "targetContainerName": "z"}]),
            [
                'spec.ephemeralContainers[0].targetContainerName: Not found: "z"',
                "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container",
                "spec.ephemeralContainers: Forbidden: cannot be set on create",
            ],
        ),
        (
            spec(restartPolicy="Maybe", dnsPolicy="X"),
            [
                'spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"',
                'spec.dnsPolicy: Unsupported value: "X": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"',
            ],
        ),
        (spec(dnsPolicy="None"), ["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"]),
        (
            spec(dnsConfig={"nameservers": ["1.2.3"], "searches": [".", "a_b", "A"], "options": [{}]}),
            [
                'spec.dnsConfig.nameservers[0]: Invalid value: "1.2.3": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
                (
                    'spec.dnsConfig.searches[2]: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower case '
                    "alphanumeric "
                    "characters, '_', '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex "
                    "used for "
                    "validation is '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')"
                ),
                "spec.dnsConfig.options[0]: Required value: must not be empty",
            ],
        ),
        (spec(activeDeadlineSeconds=0), ["spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"]),
        (spec(hostname="a.b"), ['spec.hostname: Invalid value: "a.b": must not contain dots']),
        (
            spec(nodeSelector={"a": "b c"}),
            [
                (
                    'spec.nodeSelector: Invalid value: "b c": a valid label must be an empty string or consist of '
                    "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  "
                    "or 'my_value',  "
                    "or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
                )
            ],
        ),
        (
            spec(
                tolerations=[{"operator": "Equal"}, {"key": "k", "operator": "Exists", "value": "v"}, {"key": "k", "tolerationSeconds": 1}]
            ),
            [
                (
                    'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means '
                    '"match all '
                    'values and all keys"'
                ),
                "spec.tolerations[1].operator: Invalid value: \"v\": value must be empty when `operator` is 'Exists'",
                "spec.tolerations[2].effect: Invalid value: \"\": effect must be 'NoExecute' when `tolerationSeconds` is set",
            ],
        ),
        (
            spec(tolerations=[{"key": "k", "operator": "Near"}, {"key": "k", "effect": "X"}]),
            [
                'spec.tolerations[0].operator: Unsupported value: "Near": supported values: "Equal", "Exists"',
                'spec.tolerations[1].effect: Unsupported value: "X": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
            ],
        ),
        (
            spec(topologySpreadConstraints=[{"maxSkew": 0, "whenUnsatisfiable": "X", "minDomains": 1}]),
            [
                "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
                "spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty",
                (
                    'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "X": supported values: "DoNotSchedule", '
                    '"ScheduleAnyway"'
                ),
                (
                    "spec.topologySpreadConstraints[0].minDomains: Invalid value: 1: can only use minDomains if "
                    "whenUnsatisfiable=DoNotSchedule, not X"
                ),
            ],
        ),
        (
            spec(
                affinity={
                    "podAffinity": {
                        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 0, "podAffinityTerm": {"topologyKey": "k"}}]
                    }
                }
            ),
            [
                (
                    "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the "
                    "range 1-100"
                )
            ],
        ),
        (
            spec(affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}),
            [
                (
                    "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must "
                    "have at "
                    "least one node selector term"
                )
            ],
        ),
        (
            spec(volumes=[{"name": "v", "hostPath": {"path": "/a/../b", "type": "X"}, "secret": {"secretName": "s"}}, {"name": "V"}]),
            [
                "spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'",
                (
                    'spec.volumes[0].hostPath.type: Unsupported value: "X": supported values: "", "BlockDevice", "CharDevice", '
                    '"Directory", '
                    '"DirectoryOrCreate", "File", "FileOrCreate", "Socket"'
                ),
                "spec.volumes[0].secret: Forbidden: may not specify more than 1 volume type",
                f'spec.volumes[1].name: Invalid value: "V": {LABEL}',
            ],
        ),
        (
            spec(volumes=[{"name": "v", "configMap": {"items": [{"key": "", "path": "../a", "mode": 1000}]}}]),
            [
                "spec.volumes[0].configMap.name: Required value",
                "spec.volumes[0].configMap.items[0].key: Required value",
                "spec.volumes[0].configMap.items[0].path: Invalid value: \"../a\": must not contain '..'",
                "spec.volumes[0].configMap.items[0].mode: Invalid value: 1000: must be a number between 0 and 0777 (octal), both inclusive",
            ],
        ),
        (
            spec(volumes=[{"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "", "expirationSeconds": 1}}]}}]),
            [
                (
                    "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 1: may not specify a "
                    "duration "
                    "less than 10 minutes"
                ),
                "spec.volumes[0].projected.path: Required value",
                (
                    "spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is "
                    "not set"
                ),
            ],
        ),
        (
            spec(nodeName="n", schedulingGates=[{"name": "a"}, {"name": "a"}]),
            [
                'spec.schedulingGates[1]: Duplicate value: "a"',
                "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared",
            ],
        ),
        (
            merged(spec(hostNetwork=True), container(ports=[{"containerPort": 80, "hostPort": 81}])),
            [f"{C}.ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true"],
        ),
        (spec(hostUsers=False, hostPID=True), ["spec.HostPID: Forbidden: when `hostUsers` is false"]),
        (
            spec(os={"name": "plan9"}),
            ['spec.os: Unsupported value: "plan9": supported values: "linux", "windows"'],
        ),
        (
            spec(os={"name": "windows"}, hostPID=True, securityContext={"runAsUser": 1}),
            [
                "spec.hostPID: Forbidden: cannot be set for a windows pod",
                "spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod",
            ],
        ),
        (
            merged(spec(resources={"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}), container(resources={"requests": {"cpu": "2"}})),
            ['spec.resources.requests[cpu]: Invalid value: "1": must be greater than or equal to aggregate container requests of 2'],
        ),
        (
            {"metadata": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "01"}}},
            [
                'metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: "01": must be a 32bit integer',
            ],
        ),
    ],
)
def test_new_pods(change: dict[str, Any], wanted: list[str]) -> None:
    assert complaints(core.Pod, merged(POD, change)) == wanted


def test_a_status_says_it_all() -> None:
    pod = make(core.Pod, merged(POD, container(name="", image="")))
    causes = validate_create(pod)
    error = invalid("", "Pod", "x", causes)
    assert error.message == 'Pod "x" is invalid: [spec.containers[0].name: Required value, spec.containers[0].image: Required value]'
    assert [(cause.reason, cause.field, cause.message) for cause in causes] == [
        ("FieldValueRequired", "spec.containers[0].name", "Required value"),
        ("FieldValueRequired", "spec.containers[0].image", "Required value"),
    ]


FIXED = (
    "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` "
    "(allow it to be set to 1 if it was previously negative)"
)
TOLERATION = {"key": "k", "operator": "Exists", "effect": "NoExecute"}


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ({}, container(image="nginx:2"), []),
        ({}, spec(activeDeadlineSeconds=5, tolerations=[TOLERATION]), []),
        ({}, {"metadata": {"labels": {"a": "b"}}}, []),
        ({}, container(name="z"), [FIXED]),
        ({}, spec(nodeName="n"), [FIXED]),
        (
            {},
            spec(containers={1: {"name": "d", "image": "i"}}),
            ["spec.containers: Forbidden: pod updates may not add or remove containers"],
        ),
        (
            spec(activeDeadlineSeconds=5),
            spec(activeDeadlineSeconds=6),
            ["spec.activeDeadlineSeconds: Invalid value: 6: must be less than or equal to previous value"],
        ),
        (
            spec(activeDeadlineSeconds=5),
            spec(activeDeadlineSeconds=None),
            ["spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value"],
        ),
        (
            spec(tolerations=[TOLERATION]),
            spec(tolerations=[]),
            ["spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"],
        ),
        (spec(tolerations=[TOLERATION]), spec(tolerations=[{**TOLERATION, "tolerationSeconds": 7}]), []),
        (
            {},
            spec(schedulingGates=[{"name": "g"}]),
            ["spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'g'"],
        ),
        (spec(schedulingGates=[{"name": "g"}]), spec(schedulingGates=[], nodeSelector={"a": "b"}), []),
        (
            spec(schedulingGates=[{"name": "g"}], nodeSelector={"a": "b"}),
            spec(nodeSelector={"a": "c"}),
            ['spec.nodeSelector: Invalid value: {"a":"c"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)'],
        ),
        ({}, {"metadata": {"uid": "v"}}, ['metadata.uid: Invalid value: "v": field is immutable']),
        ({}, {"metadata": {"resourceVersion": ""}}, ['metadata.resourceVersion: Invalid value: "": must be specified for an update']),
        (
            {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}},
            {"metadata": {"finalizers": ["a.b/c"]}},
            [
                (
                    "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers "
                    '[]string{"a.b/c"}'
                )
            ],
        ),
        (
            {"metadata": {"annotations": {"kubernetes.io/config.mirror": "a"}}, "spec": {"nodeName": "n"}},
            {"metadata": {"annotations": {"kubernetes.io/config.mirror": "b"}}},
            ["metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not remove or update mirror pod annotation"],
        ),
    ],
)
def test_pod_updates(before: dict[str, Any], after: dict[str, Any], wanted: list[str]) -> None:
    old = merged(POD, before)
    assert update_complaints(core.Pod, merged(old, after), old) == wanted


ENDED = {"name": "c", "state": {"terminated": {"exitCode": 1}}}
RUNNING = {"name": "c", "state": {"running": {}}}


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ({}, {"status": {"phase": "Running", "podIP": "10.0.0.1"}}, []),
        ({}, {"spec": {"nodeName": "n"}}, ["status.nodeName: Forbidden: may not be changed directly"]),
        (
            {"spec": {"restartPolicy": "Never"}, "status": {"containerStatuses": [ENDED]}},
            {"status": {"containerStatuses": [RUNNING]}},
            ["status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"],
        ),
        ({"status": {"containerStatuses": [ENDED]}}, {"status": {"containerStatuses": [RUNNING]}}, []),
        (
            {"spec": {"restartPolicy": "OnFailure"}, "status": {"containerStatuses": [ENDED]}},
            {"status": {"containerStatuses": [RUNNING]}},
            [],
        ),
        (
            {"status": {"qosClass": "BestEffort"}},
            {"status": {"qosClass": "Burstable"}},
            ['status.qosClass: Invalid value: "Burstable": field is immutable'],
        ),
        (
            {},
            {"status": {"podIPs": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}]}},
            [
                'status.podIPs: Invalid value: [{"IP":"10.0.0.1"},{"IP":"10.0.0.2"}]: may specify no more than one IP for each IP family',
            ],
        ),
        (
            {"spec": {"nodeName": "n"}},
            {"status": {"nominatedNodeName": "m"}},
            ["status.nominatedNodeName: Forbidden: may not be set on pods that are already bound to a node"],
        ),
    ],
)
def test_pod_status_updates(before: dict[str, Any], after: dict[str, Any], wanted: list[str]) -> None:
    old = merged(POD, before)
    assert update_complaints(core.Pod, merged(old, after), old, "status") == wanted


SIZED = container(resources={"requests": {"cpu": "1", "memory": "1Gi"}})


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (container(resources={"requests": {"cpu": "2"}}), []),
        (
            container(resources={"requests": {"cpu": None}}),
            [f"{C}.resources.requests: Forbidden: resource requests cannot be removed"],
        ),
        (
            container(resources={"limits": {"cpu": "1", "memory": "1Gi"}}),
            ['spec: Invalid value: "": Pod QOS Class may not change as a result of resizing'],
        ),
        (container(image="b"), ["spec: Forbidden: only cpu and memory resources are mutable"]),
        (
            container(name="d"),
            [f"{C}.name: Forbidden: containers may not be renamed or reordered on resize"],
        ),
        (spec(nodeName="n"), ["spec: Forbidden: only cpu and memory resources are mutable"]),
    ],
)
def test_resizing(change: dict[str, Any], wanted: list[str]) -> None:
    old = merged(POD, SIZED)
    assert update_complaints(core.Pod, merged(old, change), old, "resize") == wanted


def test_ephemeral_containers_are_only_added() -> None:
    one, two = {"name": "e", "image": "i"}, {"name": "f", "image": "i"}
    old = merged(POD, spec(ephemeralContainers=[one]))
    assert update_complaints(core.Pod, merged(old, spec(ephemeralContainers=[one, two])), old, "ephemeralcontainers") == []
    assert update_complaints(core.Pod, merged(old, spec(ephemeralContainers=[two])), old, "ephemeralcontainers") == [
        'spec.ephemeralContainers: Forbidden: existing ephemeral containers "e" may not be removed'
    ]
    changed = [{**one, "image": "j"}]
    assert update_complaints(core.Pod, merged(old, spec(ephemeralContainers=changed)), old, "ephemeralcontainers") == [
        'spec.ephemeralContainers: Forbidden: existing ephemeral containers "e" may not be changed'
    ]


def test_bindings() -> None:
    binding = core.Binding(target=core.ObjectReference(kind="Pod"))
    assert [f"{cause.field}: {cause.message}" for cause in validate_create(binding)] == [
        'target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"',
        "target.name: Required value",
    ]
