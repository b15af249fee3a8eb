from __future__ import annotations

from typing import Any

import pytest
from tests.api.validation.support import problems

from sagong.api.types import authentication, authorization

REVIEW: dict[str, Any] = {
    "metadata": {},
    "spec": {"user": "u", "resourceAttributes": {"namespace": "n", "verb": "get", "resource": "pods"}},
}
LOCAL_REVIEW: dict[str, Any] = {
    "metadata": {"namespace": "n"},
    "spec": {"user": "u", "resourceAttributes": {"namespace": "n", "verb": "get", "resource": "pods"}},
}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"metadata": {"name": "x"}}, ['metadata: Invalid value: {"name":"x"}: must be empty']),
        (
            {"spec": {"user": "", "resourceAttributes": None}},
            [
                (
                    "spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be "
                    "specified"
                ),
                'spec.user: Invalid value: "": at least one of user or group must be specified',
            ],
        ),
        (
            {"spec": {"nonResourceAttributes": {"path": "/"}}},
            [
                (
                    'spec.nonResourceAttributes: Invalid value: {"Path":"/","Verb":""}: cannot be specified in combination with '
                    "resourceAttributes"
                )
            ],
        ),
        (
            {
                "spec": {
                    "resourceAttributes": {
                        "fieldSelector": {},
                        "labelSelector": {"rawSelector": "a", "requirements": [{"key": "a b", "operator": "X"}]},
                    }
                }
            },
            [
                (
                    "spec.resourceAttributes.fieldSelector.requirements: Required value: when spec.resourceAttributes.fieldSelector is "
                    "specified, requirements or rawSelector is required"
                ),
                'spec.resourceAttributes.labelSelector.rawSelector: Invalid value: "a": may not specified at the same time as requirements',
                'spec.resourceAttributes.labelSelector.requirements[0].key: Invalid value: "a b": name part <key>',
            ],
        ),
        (
            {
                "spec": {
                    "resourceAttributes": {
                        "fieldSelector": {
                            "requirements": [{"key": "", "operator": "In"}, {"key": "a", "operator": "Exists", "values": ["x"]}]
                        }
                    }
                }
            },
            [
                "spec.resourceAttributes.fieldSelector.requirements[0].key: Required value: must be specified",
                (
                    "spec.resourceAttributes.fieldSelector.requirements[0].values: Required value: must be specified when `operator` is "
                    "'In' or 'NotIn'"
                ),
                (
                    "spec.resourceAttributes.fieldSelector.requirements[1].values: Forbidden: may not be specified when `operator` is "
                    "'Exists' or 'DoesNotExist'"
                ),
            ],
        ),
    ],
)
def test_access_reviews(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(authorization.SubjectAccessReview, REVIEW, change) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"metadata": {"name": "x"}}, ['metadata: Invalid value: {"name":"x","namespace":"n"}: must be empty except for namespace']),
        ({"metadata": {"namespace": "m"}}, ['spec.resourceAttributes.namespace: Invalid value: "n": must match metadata.namespace']),
        (
            {"spec": {"resourceAttributes": None, "nonResourceAttributes": {"path": "/"}}},
            ['spec.nonResourceAttributes: Invalid value: {"Path":"/","Verb":""}: disallowed on this kind of request'],
        ),
    ],
)
def test_local_access_reviews(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(authorization.LocalSubjectAccessReview, LOCAL_REVIEW, change) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            {"spec": {"expirationSeconds": 599}},
            ["spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes"],
        ),
        (
            {"spec": {"expirationSeconds": 4294967297}},
            ["spec.expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds"],
        ),
    ],
)
def test_token_requests(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(authentication.TokenRequest, {}, change) == wanted
