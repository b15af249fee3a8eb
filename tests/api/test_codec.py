"""Reading and writing objects, with the texts that a kube-apiserver 1.36 gives for the same bodies."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagong.api import protobuf
from sagong.api.codec import YAML, decode, encode, from_builtins, has_duplicates, to_builtins
from sagong.api.errors import BadRequestError
from sagong.api.resources import TABLE, Resource
from sagong.api.types.apps import Deployment
from sagong.api.types.autoscaling_v1 import Scale
from sagong.api.types.core import ConfigMap, Pod, Secret
from sagong.api.types.meta import DeleteOptions


def row(api_version: str, kind: str) -> Resource:
    found = TABLE.by_kind(api_version, kind)
    assert found
    return found


DEPLOYMENT = row("apps/v1", "Deployment")
POD = row("v1", "Pod")
CONFIG_MAP = row("v1", "ConfigMap")
SECRET = row("v1", "Secret")
WIDGET = Resource("example.org", "v1", "Widget", "widgets", "widget")
HANDLED = 'Deployment in version "v1" cannot be handled as a Deployment: '


def test_a_body_without_type_gets_the_type_of_the_url() -> None:
    obj = decode(b'{"metadata":{"name":"a"}}', wanted=DEPLOYMENT).obj
    assert isinstance(obj, Deployment)
    assert (obj.apiVersion, obj.kind, obj.metadata.name) == ("apps/v1", "Deployment", "a")


def test_null_means_absent() -> None:
    body = b'{"metadata":{"name":"a","creationTimestamp":null,"labels":null},"spec":{"containers":[null],"volumes":null}}'
    pod = decode(body, wanted=POD).obj
    assert pod.metadata.labels == {}
    assert [c.name for c in pod.spec.containers] == [""]
    assert decode(b'{"data":{"a":null}}', wanted=CONFIG_MAP).obj.data == {"a": ""}


NULLS: list[tuple[str, str, dict[str, Any], str]] = [
    ("rbac.authorization.k8s.io/v1", "ClusterRole", {}, '"rules":null'),
    (
        "v1",
        "PersistentVolumeClaim",
        {"spec": {"dataSource": {"kind": "a", "name": "b"}}},
        '"dataSource":{"apiGroup":null,"kind":"a","name":"b"}',
    ),
    ("v1", "PersistentVolume", {"spec": {"azureFile": {"secretName": "a", "shareName": "b"}}}, '"secretNamespace":null'),
    ("v1", "PersistentVolume", {"spec": {"scaleIO": {"system": "a"}}}, '"secretRef":null'),
    ("v1", "Event", {}, '"source":{},"firstTimestamp":null,"lastTimestamp":null,"eventTime":null'),
    ("v1", "Event", {"series": {"count": 1}}, '"series":{"count":1,"lastObservedTime":null}'),
    ("events.k8s.io/v1", "Event", {}, '"eventTime":null'),
    ("events.k8s.io/v1", "Event", {}, '"deprecatedFirstTimestamp":null,"deprecatedLastTimestamp":null'),
    ("v1", "Pod", {"spec": {"volumes": [{"name": "a", "projected": {}}]}}, '"projected":{"sources":null}'),
    (
        "v1",
        "Pod",
        {"status": {"conditions": [{"type": "a", "status": "b"}]}},
        '{"type":"a","status":"b","lastProbeTime":null,"lastTransitionTime":null}',
    ),
    ("v1", "Pod", {"status": {"containerStatuses": [{"state": {"running": {}}}]}}, '"running":{"startedAt":null}'),
    ("v1", "Node", {"status": {"images": [{}]}}, '"images":[{"names":null}]'),
    ("v1", "LimitRange", {}, '"spec":{"limits":null}'),
    ("discovery.k8s.io/v1", "EndpointSlice", {"endpoints": None}, '"endpoints":null,"ports":null'),
    ("storage.k8s.io/v1", "CSINode", {}, '"spec":{"drivers":null}'),
    ("storage.k8s.io/v1", "CSINode", {"spec": {"drivers": [{"name": "a"}]}}, '"topologyKeys":null'),
    ("autoscaling/v2", "HorizontalPodAutoscaler", {}, '"currentMetrics":null'),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition", {}, '"conditions":null'),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition", {}, '"storedVersions":null'),
    ("resource.k8s.io/v1", "ResourceClaim", {}, '"devices":{"requests":null}'),
    ("batch/v1", "Job", {"spec": {"podFailurePolicy": {}}}, '"podFailurePolicy":{"rules":null}'),
]


@pytest.mark.parametrize(("version", "kind", "sent", "wanted"), NULLS)
def test_what_go_writes_without_omitempty_is_written_as_null(version: str, kind: str, sent: dict[str, Any], wanted: str) -> None:
    obj = decode(json.dumps(sent).encode(), wanted=row(version, kind)).obj
    assert wanted in encode(obj).decode()
    again = protobuf.decode(protobuf.encode(obj), type(obj))
    assert encode(again) == encode(obj)


def test_a_whole_number_has_no_fraction() -> None:
    body = b'{"spec":{"versions":[{"schema":{"openAPIV3Schema":{"minimum":1,"maximum":2.5,"multipleOf":1}}}]}}'
    crd = decode(body, wanted=row("apiextensions.k8s.io/v1", "CustomResourceDefinition")).obj
    assert b'"maximum":2.5,"minimum":1,"multipleOf":1' in encode(crd)


def test_numbers_become_quantities() -> None:
    body = b'{"spec":{"containers":[{"name":"a","resources":{"limits":{"cpu":1,"memory":1.5}}}]}}'
    assert decode(body, wanted=POD).obj.spec.containers[0].resources.limits == {"cpu": "1", "memory": "1.5"}


def test_times_are_brought_into_the_form_of_the_api() -> None:
    body = b'{"metadata":{"creationTimestamp":"2020-01-01T02:00:00.5+02:00"}}'
    assert decode(body, wanted=POD).obj.metadata.creationTimestamp == "2020-01-01T00:00:00Z"


def test_base64_may_be_folded() -> None:
    assert decode(b'{"data":{"a":"YW\\nJj"}}', wanted=SECRET).obj.data == {"a": b"abc"}


def test_invalid_utf8_is_replaced() -> None:
    body = b'{"data":{"a":"\xff","b":"\\ud800x\\ud83d\\ude00"}}'
    assert decode(body, wanted=CONFIG_MAP).obj.data == {"a": "\ufffd", "b": "\ufffdx\U0001f600"}


MESSAGES = [
    ('{"spec":{"replicas":"3"}}', "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"),
    ('{"spec":{"replicas":1.0}}', "json: cannot unmarshal number 1.0 into Go struct field DeploymentSpec.spec.replicas of type int32"),
    ('{"spec":[]}', "json: cannot unmarshal array into Go struct field Deployment.spec of type v1.DeploymentSpec"),
    (
        '{"spec":{"template":{"spec":{"containers":[{"ports":[{"protocol":5}],"resources":{"limits":[]}}]}}}}',
        (
            "json: cannot unmarshal number into Go struct field "
            "ContainerPort.spec.template.spec.containers.ports.protocol of type v1.Protocol"
        ),
    ),
    (
        '{"spec":{"template":{"spec":{"containers":[{"resources":{"limits":[]}}]}}}}',
        (
            "json: cannot unmarshal array into Go struct field "
            "ResourceRequirements.spec.template.spec.containers.resources.limits of type v1.ResourceList"
        ),
    ),
    (
        '{"spec":{"template":{"spec":{"containers":{}}}}}',
        "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
    ),
    (
        '{"spec":{"template":{"spec":{"containers":[{"livenessProbe":{"httpGet":{"port":1.5}}}]}}}}',
        (
            "json: cannot unmarshal number 1.5 into Go struct field "
            "HTTPGetAction.spec.template.spec.containers.livenessProbe.ProbeHandler.httpGet.port of type int32"
        ),
    ),
    (
        '{"spec":{"template":{"spec":{"containers":[{"resources":{"limits":{"cpu":"x"}}}]}}}}',
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ),
    (
        '{"metadata":{"creationTimestamp":"2020-02-20 00:00:00Z"}}',
        'parsing time "2020-02-20 00:00:00Z" as "2006-01-02T15:04:05Z07:00": cannot parse " 00:00:00Z" as "T"',
    ),
    ('{"metadata":{"creationTimestamp":"2020-13-01T00:00:00Z"}}', 'parsing time "2020-13-01T00:00:00Z": month out of range'),
    ('{"metadata":{"creationTimestamp":"2020-02-30T00:00:00Z"}}', 'parsing time "2020-02-30T00:00:00Z": day out of range'),
]


@pytest.mark.parametrize(("body", "message"), MESSAGES)
def test_wrong_types_are_told_as_upstream_tells_them(body: str, message: str) -> None:
    with pytest.raises(BadRequestError) as raised:
        decode(body.encode(), wanted=DEPLOYMENT)
    assert raised.value.message == HANDLED + message


SYNTAX = [
    ('{"a":1', "unexpected end of JSON input"),
    ('{"a":}', "invalid character '}' looking for beginning of value"),
    ('{"a" 1}', "invalid character '1' after object key"),
    ('{"a":1 "b":2}', "invalid character '\"' after object key:value pair"),
    ('{"a":[1 2]}', "invalid character '2' after array element"),
    ("{a:1}", "invalid character 'a' looking for beginning of object key string"),
    ('{"a":1}}', "invalid character '}' after top-level value"),
    ('{"a":tru}', "invalid character '}' in literal true (expecting 'e')"),
    ('{"a":"\n"}', "invalid character '\\n' in string literal"),
    ('{"a":"\\x"}', "invalid character 'x' in string escape code"),
    ('{"a":"\\u12G4"}', "invalid character 'G' in \\u hexadecimal character escape"),
    ('{"a":1.}', "invalid character '}' after decimal point in numeric literal"),
    ('{"a":NaN}', "invalid character 'N' looking for beginning of value"),
    ("[" * 100_000, "exceeded max depth"),
]


@pytest.mark.parametrize(("body", "message"), SYNTAX)
def test_syntax_errors_are_told_as_upstream_tells_them(body: str, message: str) -> None:
    with pytest.raises(BadRequestError) as raised:
        decode(body.encode(), wanted=CONFIG_MAP)
    assert f"(must be of type ConfigMap): couldn't get version/kind; json parse error: {message} (" in raised.value.message


def test_warn_lists_unknown_and_duplicate_fields() -> None:
    body = b'{"metadata":{"labels":{"a":"1","a":"2"}},"foo":1,"spec":{"containers":[{"x":5,"name":"a","name":"b"}]},"Status":{}}'
    decoded = decode(body, wanted=POD)
    assert decoded.warnings == (
        'duplicate field "metadata.labels.a"',
        'unknown field "foo"',
        'unknown field "spec.containers[0].x"',
        'duplicate field "spec.containers[0].name"',
        'unknown field "Status"',
    )
    assert decoded.obj.spec.containers[0].name == "b"
    assert decode(body, wanted=POD, strict="Ignore").warnings == ()


def test_strict_refuses_unknown_fields() -> None:
    with pytest.raises(BadRequestError) as raised:
        decode(b'{"foo":1,"spec":{"bar":1}}', wanted=DEPLOYMENT, strict="Strict")
    assert raised.value.message == HANDLED + 'strict decoding error: unknown field "foo", unknown field "spec.bar"'


def test_the_same_object_twice_is_merged_as_go_does() -> None:
    body = b'{"metadata":{"name":"a","labels":{"x":"1"}},"metadata":{"namespace":"n","labels":{"y":"2"}}}'
    decoded = decode(body, wanted=POD)
    assert (decoded.obj.metadata.name, decoded.obj.metadata.namespace) == ("a", "n")
    assert decoded.obj.metadata.labels == {"x": "1", "y": "2"}
    assert decoded.warnings == ('duplicate field "metadata"',)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            '{"kind":"Deployment","apiVersion":"autoscaling/v1"}',
            HANDLED + 'no kind "Deployment" is registered for version "autoscaling/v1" in scheme "pkg/api/legacyscheme/scheme.go:30"',
        ),
        (
            '{"kind":"Pod","apiVersion":"v1"}',
            'Pod in version "v1" cannot be handled as a Deployment: converting (v1.Pod) to (apps.Deployment): unknown conversion',
        ),
        (
            '{"kind":5}',
            (
                "the object provided is unrecognized (must be of type Deployment): couldn't get version/kind; json parse error: "
                'json: cannot unmarshal number into Go struct field .kind of type string ({"kind":5})'
            ),
        ),
    ],
)
def test_the_type_must_be_that_of_the_url(body: str, message: str) -> None:
    with pytest.raises(BadRequestError) as raised:
        decode(body.encode(), wanted=DEPLOYMENT)
    assert raised.value.message == message


def test_another_version_of_the_same_kind_is_refused_by_name() -> None:
    with pytest.raises(BadRequestError) as raised:
        decode(b'{"kind":"HorizontalPodAutoscaler","apiVersion":"autoscaling/v1"}', wanted=row("autoscaling/v2", "HorizontalPodAutoscaler"))
    expected = "the API version in the data (autoscaling/v1) does not match the expected API version (autoscaling/v2)"
    assert raised.value.message == expected


def test_yaml_is_read_as_upstream_reads_it() -> None:
    text = b"kind: ConfigMap\napiVersion: v1\nmetadata: &m\n  name: x\ndata:\n  a: '1'\n  b: |\n    two\n"
    decoded = decode(text, YAML, CONFIG_MAP)
    assert decoded.obj.data == {"a": "1", "b": "two\n"}
    with pytest.raises(BadRequestError, match=r"cannot unmarshal bool into Go struct field ConfigMap.data of type string"):
        decode(b"data: {a: y}", YAML, CONFIG_MAP)


def test_yaml_duplicates() -> None:
    text = b"metadata:\n  name: x\n  name: v\nw: 2\nz: 1\n"
    decoded = decode(text, YAML, CONFIG_MAP)
    assert decoded.obj.metadata.name == "v"
    assert decoded.warnings == ('line 3: key "name" already set in map', 'unknown field "w"', 'unknown field "z"')
    with pytest.raises(BadRequestError) as raised:
        decode(text, YAML, CONFIG_MAP, strict="Strict")
    assert (
        'strict decoding error: yaml: unmarshal errors:\n  line 3: key "name" already set in map, unknown field "w"' in raised.value.message
    )


def test_yaml_bombs_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(BadRequestError, match="yaml: document contains excessive aliasing"):
        decode("\n".join(lines).encode(), YAML, CONFIG_MAP)
    with pytest.raises(BadRequestError, match=r"exceeded max depth|nesting"):
        decode(b"[" * 20_000, YAML, CONFIG_MAP)


def test_custom_resources_are_dicts() -> None:
    body = b'{"apiVersion":"example.org/v1","kind":"Widget","spec":{"x":1,"x":2}}'
    decoded = decode(body, wanted=WIDGET)
    assert decoded.obj == {"apiVersion": "example.org/v1", "kind": "Widget", "spec": {"x": 2}}
    assert decoded.warnings == ('duplicate field "spec.x"',)
    with pytest.raises(BadRequestError, match="Object 'Kind' is missing in"):
        decode(b"{}", wanted=WIDGET)


def test_the_kind_can_come_from_the_body() -> None:
    assert isinstance(decode(b'{"apiVersion":"v1","kind":"Secret"}').obj, Secret)
    with pytest.raises(BadRequestError, match=r"Object 'Kind' is missing"):
        decode(b"{}")


def test_options_and_subresources_are_read_by_struct() -> None:
    assert (
        decode(b'{"kind":"DeleteOptions","apiVersion":"apps/v1","gracePeriodSeconds":0}', wanted=DeleteOptions).obj.gracePeriodSeconds == 0
    )
    assert decode(b'{"spec":{"replicas":2}}', wanted=Scale).obj.apiVersion == "autoscaling/v1"


def test_encoding_puts_the_type_first() -> None:
    assert encode({"spec": 1, "kind": "K", "apiVersion": "v1"}) == b'{"apiVersion":"v1","kind":"K","spec":1}'
    obj = ConfigMap(apiVersion="v1", kind="ConfigMap", data={"a": "b"})
    assert encode(obj).startswith(b'{"apiVersion":"v1","kind":"ConfigMap","metadata":')
    assert from_builtins(to_builtins(obj), CONFIG_MAP).obj == obj


KEYS = st.sampled_from(["a", "b", 'a"', "a\\", '":', " "])
TREES = st.recursive(st.integers() | KEYS | st.none(), lambda t: st.lists(t) | st.lists(st.tuples(KEYS, t)).map(tuple), max_leaves=12)


@given(TREES, st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : ")]))
def test_duplicate_detection_agrees_with_looking_at_every_key(tree: Any, separators: tuple[str, str]) -> None:
    duplicates = False

    def write(node: Any) -> str:
        nonlocal duplicates
        if isinstance(node, tuple):
            keys = [key for key, _ in node]
            duplicates = duplicates or len(set(keys)) != len(keys)
            return "{" + separators[0].join(json.dumps(k) + separators[1] + write(v) for k, v in node) + "}"
        if isinstance(node, list):
            return "[" + separators[0].join(map(write, node)) + "]"
        return json.dumps(node)

    assert has_duplicates(write(tree).encode()) == duplicates


def test_a_pod_takes_the_fast_way() -> None:
    body = encode(Pod(metadata={"name": "a"}))  # type: ignore[arg-type] # a plain dict encodes as the Struct does
    assert decode(body, wanted=POD).warnings == ()
