"""Where the items of a merged list come to stand."""

from __future__ import annotations

from typing import Any

import pytest

from sagong.api.patch.element_order import Items, arrange


def _named(*names: Any) -> list[dict[str, Any]]:
    return [{"name": name} for name in names]


@pytest.mark.parametrize(
    ("merged", "order", "before", "arranged"),
    [
        ("abcx", "cxa", "abc", "bcxa"),
        ("abc", "", "abc", "abc"),
        ("abcd", "dcba", "abcd", "dcba"),
        ("xabc", "b", "abc", "abcx"),
        ("ab", "aab", "ab", "ab"),
    ],
)
def test_named_items_keep_the_patchs_order_and_others_their_places(merged: str, order: str, before: str, arranged: str) -> None:
    assert arrange(_named(*merged), _named(*order), _named(*before), Items("name")) == _named(*arranged)
    assert arrange(list(merged), list(order), list(before), Items("")) == list(arranged)


def test_items_may_have_names_that_are_lists() -> None:
    items = _named(["a"], "b", ["c"])
    assert arrange(items, _named("b", ["a"]), items, Items("name")) == _named("b", ["a"], ["c"])
    assert arrange(items, _named("b"), _named("b"), Items("name")) == _named("b", ["a"], ["c"])
