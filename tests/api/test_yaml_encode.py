"""YAML as go-yaml writes it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagong.api.yaml_decode import yaml_to_json
from sagong.api.yaml_encode import to_yaml


def written(value: Any) -> str:
    return to_yaml(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("", '""'),
        ("1", '"1"'),
        ("0x1F", '"0x1F"'),
        ("1e3", '"1e3"'),
        ("1_000", '"1_000"'),
        ("true", '"true"'),
        ("y", '"y"'),
        ("Off", '"Off"'),
        ("null", '"null"'),
        ("~", '"~"'),
        ("2026-01-01T00:00:00Z", '"2026-01-01T00:00:00Z"'),
        ("2026-01-01", '"2026-01-01"'),
        ("2026-01-01T", "2026-01-01T"),
        ("1:30", '"1:30"'),
        ("1:99", "1:99"),
        ("1.2.3", "1.2.3"),
        ("=", "="),
        ("- a", "'- a'"),
        ("a: b", "'a: b'"),
        ("*x", "'*x'"),
        ("it's", "it's"),
        (" a ", "' a '"),
        ("a\tb", '"a\\tb"'),
        ("ü", "ü"),
        ("a\nb", "|-\n  a\n  b"),
        ("a\nb\n", "|\n  a\n  b"),
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        ({}, "{}"),
        ([], "[]"),
        (["a", ["b"]], "\n- a\n- - b"),
        ("long " * 20 + "end", "long " * 15 + "long\n  " + "long " * 4 + "end"),
    ],
    ids=repr,
)
def test_values(value: Any, text: str) -> None:
    assert written({"k": value}) == f"k:{'' if text[0] == chr(10) else ' '}{text}\n"


@pytest.mark.parametrize(
    "keys",
    [
        [".", "/x", "X", "a", "b"],
        ["x-1", "x.", "x1", "x01", "x2", "x10", "x20"],
        ["1", "2", "10"],
        ["a", "a1", "aa", "é"],
        ["f:a", "f:b.c", "f:b/c"],
        ["a100", "a101", "a110"],
    ],
)
def test_keys_are_in_natural_order(keys: list[str]) -> None:
    assert [
        line.partition(":0")[0] for line in written(dict.fromkeys(reversed(keys), 0)).replace(": 0", ":0").replace('"', "").splitlines()
    ] == keys


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=30)
@given(st.dictionaries(st.text(), VALUES))
def test_what_is_written_reads_as_it_was(value: dict[str, Any]) -> None:
    data, duplicates = yaml_to_json(to_yaml(json.dumps(value).encode()))
    assert (json.loads(data), duplicates) == (value, [])
