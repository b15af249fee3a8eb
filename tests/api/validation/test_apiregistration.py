from __future__ import annotations

from typing import Any

import pytest
from tests.api.validation.support import CLUSTER_META, problems

from sagong.api.types import apiregistration

API: dict[str, Any] = {
    "metadata": {**CLUSTER_META, "name": "v1.example.com"},
    "spec": {
        "group": "example.com",
        "version": "v1",
        "groupPriorityMinimum": 100,
        "versionPriority": 10,
        "service": {"namespace": "n", "name": "s"},
    },
}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"metadata": {"name": "x"}}, ['metadata.name: Invalid value: "x": must be `spec.version+"."+spec.group`: "v1.example.com"']),
        ({"spec": {"group": ""}}, ['metadata.name: Invalid value: "v1.example.com": must be `spec.version+"."+spec.group`: "v1."']),
        (
            {"spec": {"group": "A", "version": "V"}},
            [
                'metadata.name: Invalid value: "v1.example.com": must be `spec.version+"."+spec.group`: "V.A"',
                'spec.group: Invalid value: "A": <subdomain>',
                'spec.version: Invalid value: "V": <DNS-1035 label>',
            ],
        ),
        (
            {"spec": {"groupPriorityMinimum": 0, "versionPriority": 1001}},
            [
                "spec.groupPriorityMinimum: Invalid value: 0: must be positive and less than 20000",
                "spec.versionPriority: Invalid value: 1001: must be positive and less than 1000",
            ],
        ),
        (
            {"spec": {"service": {"namespace": "", "name": "", "port": 70000}}},
            [
                "spec.service.namespace: Required value",
                "spec.service.name: Required value",
                "spec.service.port: Invalid value: 70000: port is not valid: must be between 1 and 65535, inclusive",
            ],
        ),
        (
            {"spec": {"insecureSkipTLSVerify": True, "caBundle": "YQ=="}},
            ["spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present"],
        ),
        (
            {"spec": {"service": None, "insecureSkipTLSVerify": True, "caBundle": "YQ=="}},
            [
                'spec.caBundle: Invalid value: "1 bytes": local APIServices may not have a caBundle',
                "spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify",
            ],
        ),
    ],
)
def test_api_services(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(apiregistration.APIService, API, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "status",
            {"status": {"conditions": [{"type": "A", "status": "X"}]}},
            ['status.conditions[0].status: Unsupported value: "X": supported values: "True", "False", "Unknown"'],
        )
    ],
)
def test_changes_of_api_services(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(apiregistration.APIService, API, change, subresource) == wanted
