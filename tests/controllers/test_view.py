"""Reading many objects: what a selector finds, and how little it looks at for that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from tests.controllers.world import World, meta

from sagong.api.selectors import NOTHING, Selector, parse
from sagong.api.types.core import Pod
from sagong.controllers.view import selected

PODS = [
    Pod(metadata=meta("one", labels={"app": "a", "tier": "x"})),
    Pod(metadata=meta("two", labels={"app": "a"})),
    Pod(metadata=meta("three", labels={"app": "b", "tier": "x"})),
    Pod(metadata=meta("elsewhere", namespace="other", labels={"app": "a", "tier": "x"})),
    Pod(metadata=meta("bare")),
]


def names(pods: Sequence[Pod]) -> set[str]:
    return {pod.metadata.name for pod in pods}


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        (parse("app=a"), {"one", "two"}),
        (parse("app=a,tier=x"), {"one"}),
        (parse("tier"), {"one", "three"}),
        (parse("app=a,!tier"), {"two"}),
        (parse("app in (a,b)"), {"one", "two", "three"}),
        (parse(""), {"one", "two", "three", "bare"}),
        (NOTHING, set()),
    ],
)
def test_what_is_selected(selector: Selector, found: set[str]) -> None:
    assert names(selected(World(*PODS), Pod, "default", selector)) == found


def test_a_demanded_label_is_looked_up() -> None:
    class Watched(World):
        def list(self, kind: type[Any], namespace: str = "") -> Sequence[Any]:
            raise AssertionError("all were looked at")

        def by_index(self, kind: type[Any], index: str, value: str) -> Sequence[Any]:
            asked.append((index, value))
            return PODS[:2]

    asked: list[tuple[str, str]] = []
    assert names(selected(Watched(), Pod, "default", parse("app=a"))) == {"one", "two"}
    assert asked == [("label", "default/app=a")]
