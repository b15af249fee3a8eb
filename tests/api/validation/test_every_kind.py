"""Validation knows every kind, and stumbles over none."""

from __future__ import annotations

from typing import Any

import pytest

from sagong.api import defaults, validation
from sagong.api.resources import BUILT_IN, Resource


@pytest.mark.parametrize("resource", BUILT_IN, ids=lambda resource: f"{resource.group_resource}/{resource.version}")
def test_empty_objects_are_refused_not_stumbled_over(resource: Resource) -> None:
    new: Any = resource.type()
    defaults.apply_defaults(new)
    new.metadata.name = "a"
    new.metadata.resourceVersion = "1"
    old = new.copy()
    validation.validate_create(new)
    for subresource in ("", *(sub.name for sub in resource.subresources)):
        validation.validate_update(new, old, subresource)
