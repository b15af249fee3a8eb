"""Defaulting, validation and printing know every kind, and stumble over no content."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from tests.api.validation.arbitrary import arbitrary

from sagong.api import defaults, normalize, printers, validation
from sagong.api.pods import qos_class
from sagong.api.resources import BUILT_IN, Resource
from sagong.api.types.core import Pod

NOW = datetime(2024, 1, 1, tzinfo=UTC)
ROUNDS = 25
_CHANGES = re.compile(r"immutable|may not change|updates to|cannot be changed|may not be changed|may not change once set")


def check(resource: Resource, new: Any, old: Any) -> None:
    for obj in (new, old):
        obj.metadata.name, obj.metadata.resourceVersion = "a", "1"
        normalize.normalize(obj)
        defaults.apply_defaults(obj)
    validation.validate_create(new)
    for subresource in ("", *(sub.name for sub in resource.subresources)):
        validation.validate_update(new, old, subresource)
    assert len(printers.row(new, NOW)) == len(printers.columns(resource))


@pytest.mark.parametrize("resource", BUILT_IN, ids=lambda resource: f"{resource.group_resource}/{resource.version}")
def test_nothing_makes_them_stumble(resource: Resource) -> None:
    check(resource, resource.type(), resource.type())
    random = Random(resource.kind)
    for _ in range(ROUNDS):
        check(resource, arbitrary(resource.type, random), arbitrary(resource.type, random))


@pytest.mark.parametrize("resource", BUILT_IN, ids=lambda resource: f"{resource.group_resource}/{resource.version}")
def test_an_object_that_stays_as_it_is_changes_nothing_immutable(resource: Resource) -> None:
    random = Random(resource.kind)
    for obj in (resource.type(), *(arbitrary(resource.type, random) for _ in range(ROUNDS))):
        obj.metadata.name, obj.metadata.resourceVersion = "a", "1"
        normalize.normalize(obj)
        defaults.apply_defaults(obj)
        if isinstance(obj, Pod):
            obj.status.qosClass = qos_class(obj)
        if any(cause.reason == "FieldValueDuplicate" for cause in validation.validate_create(obj)):
            continue
        for subresource in ("", *(sub.name for sub in resource.subresources)):
            refused = [cause for cause in validation.validate_update(obj.copy(), obj, subresource) if _CHANGES.search(cause.message)]
            assert refused == []
