from __future__ import annotations

import pytest

from sagong.api import names
from sagong.api.field_errors import Errors, quote, show, text
from sagong.api.types import core

LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an "
    "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


@pytest.mark.parametrize(
    ("check", "value", "complaints"),
    [
        (names.dns1123_label, "my-name", []),
        (names.dns1123_label, "a.b", ["must not contain dots"]),
        (
            names.dns1123_label,
            "A",
            [LABEL_RULE],
        ),
        (names.dns1123_label, "a" * 64, ["must be no more than 63 characters"]),
        (names.dns1123_subdomain, "a.b-c", []),
        (
            names.dns1123_subdomain,
            "Abc",
            [SUBDOMAIN_RULE],
        ),
        (names.dns1035_label, "a1", []),
        (names.qualified_name, "example.com/Name", []),
        (names.qualified_name, "/a", ["prefix part must be non-empty"]),
        (names.qualified_name, "a/" + "b" * 64, ["name part must be no more than 63 bytes"]),
        (names.label_value, "", []),
        (names.label_value, "a" * 64, ["must be no more than 63 bytes"]),
        (names.config_key, ".dockerconfigjson", []),
        (names.config_key, "..a", ["must not start with '..'"]),
        (names.port_name, "http", []),
        (names.port_name, "80", ["must contain at least one letter (a-z)"]),
        (names.port_name, "-a--b", ["must not contain consecutive hyphens", "must not begin or end with a hyphen"]),
        (
            names.relaxed_env_name,
            "a=b",
            ["a valid environment variable name must consist only of printable ASCII characters other than '='"],
        ),
        (names.path_segment, "a/b", ["may not contain '/'"]),
        (names.path_segment, "..", ["may not be '..'"]),
        (names.generated(names.dns1123_label), "web-", []),
    ],
)
def test_complaints_are_upstreams(check: names.Check, value: str, complaints: list[str]) -> None:
    assert list(check(value)) == complaints


def test_an_empty_label_key_has_two_complaints() -> None:
    assert [complaint.split(" (")[0] for complaint in names.qualified_name("")] == [
        "name part must be non-empty",
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ]


def test_rendering() -> None:
    errors = Errors()
    errors.invalid("spec.replicas", -1, "must be greater than or equal to 0")
    errors.required("metadata.name", "name or generateName is required")
    errors.not_supported("spec.type", "X", ["A", "B"])
    errors.too_long("data", 1)
    errors.too_many("spec.x", 3, 2)
    assert [(cause.reason, cause.field, cause.message) for cause in errors] == [
        ("FieldValueInvalid", "spec.replicas", "Invalid value: -1: must be greater than or equal to 0"),
        ("FieldValueRequired", "metadata.name", "Required value: name or generateName is required"),
        ("FieldValueNotSupported", "spec.type", 'Unsupported value: "X": supported values: "A", "B"'),
        ("FieldValueTooLong", "data", "Too long: may not be more than 1 byte"),
        ("FieldValueTooMany", "spec.x", "Too many: 3: must have at most 2 items"),
    ]
    assert text(errors[:1]) == "spec.replicas: Invalid value: -1: must be greater than or equal to 0"
    assert text([errors[1], errors[3], errors[3]]).startswith("[metadata.name: Required value: name")


def test_values_are_shown_as_go_shows_them() -> None:
    assert quote('a"b\n\x01é') == '"a\\"b\\n\\x01é"'
    assert show(None) == "null"
    assert show(value=True) == "true"
    assert show({"b": "1", "a": "2"}) == '{"a":"2","b":"1"}'
    assert show(core.Toleration(key="k")) == '{"Key":"k","Operator":"","Value":"","Effect":"","TolerationSeconds":null}'
