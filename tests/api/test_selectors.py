from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagong.api import field_selectors, selectors
from sagong.api.resources import TABLE
from sagong.api.selectors import EVERYTHING, NOTHING, Requirement, Selector, SelectorError, from_label_selector, parse
from sagong.api.types import batch, core
from sagong.api.types.meta import LabelSelector, LabelSelectorRequirement, ObjectMeta

KEY_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("", ""),
        ("x=a,y=b,z=c", "x=a,y=b,z=c"),
        ("x==a", "x==a"),
        ("x!=a,y=b", "x!=a,y=b"),
        ("x=", "x="),
        ("x=,z= ", "x=,z="),
        ("x= ,z= ", "x=,z="),
        ("!x", "!x"),
        ("x", "x"),
        ("y,x", "x,y"),
        ("x>1", "x>1"),
        ("x>1,z<5", "x>1,z<5"),
        ("x in (b,a)", "x in (a,b)"),
        ("x in ()", "x in ()"),
        ("x notin (a,b,,c)", "x notin (,a,b,c)"),
        ("x in (,)", "x in ()"),
        ("value in (in)", "value in (in)"),
        ("in in (notin)", "in in (notin)"),
        ("a.b/c-d_e in (x) , !z", "a.b/c-d_e in (x),!z"),
    ],
)
def test_selectors_parse_and_print(text: str, printed: str) -> None:
    assert str(parse(text)) == printed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "x=a||y=b",
            'unable to parse requirement: values[0][x]: Invalid value: "a||y": a valid label must be an empty string or consist of',
        ),
        ("x,,y", "found ',', expected: identifier after ','"),
        ("x in a", "unable to parse requirement: found 'a' expected: '('"),
        ("x in (a", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("x =! a", "unable to parse requirement: found '!', expected: identifier"),
        ("=a", "found '=', expected: !, identifier, or 'end of string'"),
        ("x a", "unable to parse requirement: found 'a', expected: in, notin, =, ==, !=, gt, lt"),
        ("!x=a", "found '=', expected: ',' or 'end of string'"),
        ("x=a b", "found 'b', expected: ',' or 'end of string'"),
        ("-x=a", f'unable to parse requirement: <nil>: Invalid value: "-x": {KEY_RULE}'),
        ("x>a", "unable to parse requirement: values[0]: Invalid value: \"a\": for 'Gt', 'Lt' operators, the value must be an integer"),
        ("x,", "found '', expected: identifier after ','"),
    ],
)
def test_errors_are_upstreams(text: str, message: str) -> None:
    with pytest.raises(SelectorError) as caught:
        parse(text)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "labels", "matches"),
    [
        ("", {"a": "b"}, True),
        ("a=b", {"a": "b", "c": "d"}, True),
        ("a=b", {"a": "c"}, False),
        ("a!=b", {}, True),
        ("a!=b", {"a": "b"}, False),
        ("a in (b,c)", {"a": "c"}, True),
        ("a in (b,c)", {}, False),
        ("a notin (b,c)", {}, True),
        ("a notin (b,c)", {"a": "b"}, False),
        ("a", {"a": ""}, True),
        ("a", {}, False),
        ("!a", {}, True),
        ("!a", {"a": ""}, False),
        ("a=", {"a": ""}, True),
        ("a=", {}, False),
        ("a>1", {"a": "2"}, True),
        ("a>1", {"a": "1"}, False),
        ("a<10", {"a": "9"}, True),
        ("a<10", {"a": "x"}, False),
        ("a<10", {}, False),
    ],
)
def test_matching(text: str, labels: dict[str, str], matches: Any) -> None:
    assert parse(text).matches(labels) is matches


def test_label_selector_objects() -> None:
    assert from_label_selector(None) == NOTHING
    assert not NOTHING.matches({})
    assert from_label_selector(LabelSelector()) == EVERYTHING
    selector = LabelSelector(
        matchLabels={"app": "web"}, matchExpressions=[LabelSelectorRequirement(key="tier", operator="NotIn", values=["a", "b"])]
    )
    assert str(from_label_selector(selector)) == "app=web,tier notin (a,b)"
    with pytest.raises(SelectorError, match='"Near" is not a valid label selector operator'):
        from_label_selector(LabelSelector(matchExpressions=[LabelSelectorRequirement(key="a", operator="Near")]))
    with pytest.raises(SelectorError, match="values set can't be empty"):
        from_label_selector(LabelSelector(matchExpressions=[LabelSelectorRequirement(key="a", operator="In")]))


_words = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,8}[a-z0-9])?", fullmatch=True).filter(lambda word: word not in ("in", "notin"))
_requirements = st.one_of(
    st.builds(Requirement, _words, st.sampled_from(["=", "==", "!="]), st.tuples(_words)),
    st.builds(
        Requirement, _words, st.sampled_from(["in", "notin"]), st.sets(_words, min_size=1, max_size=3).map(lambda s: tuple(sorted(s)))
    ),
    st.builds(Requirement, _words, st.sampled_from(["exists", "!"]), st.just(())),
)


@given(st.lists(_requirements, max_size=4))
def test_printing_and_parsing_round_trip(requirements: list[Requirement]) -> None:
    selector = Selector(requirements)
    assert parse(str(selector)) == selector


@given(st.dictionaries(_words, _words, max_size=4), st.dictionaries(_words, _words, max_size=4))
def test_selector_of_labels_demands_exactly_them(wanted: dict[str, str], labels: dict[str, str]) -> None:
    assert selectors.from_labels(wanted).matches(labels) is (wanted.items() <= labels.items())


@pytest.mark.parametrize(
    ("text", "printed"),
    [("a=b", "a=b"), ("a==b,c!=d", "a=b,c!=d"), (r"a=b\,c\=d\\e", r"a=b\,c\=d\\e"), ("", ""), (",a=,", "a="), ("b=1,a=2", "a=2,b=1")],
)
def test_field_selectors_parse_and_print(text: str, printed: str) -> None:
    assert str(field_selectors.parse(text)) == printed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "invalid selector: 'a'; can't understand 'a'"),
        (r"a=\x", r"invalid field selector: invalid escape sequence: \x"),
        ("a=b\\", "invalid field selector: invalid escape sequence: \\"),
        ("a=b=c", "invalid field selector: unescaped character in value: 61"),
    ],
)
def test_field_selector_errors_are_upstreams(text: str, message: str) -> None:
    with pytest.raises(SelectorError) as caught:
        field_selectors.parse(text)
    assert str(caught.value) == message


def test_fields_of_kinds() -> None:
    pods, jobs, maps = TABLE.by_kind("v1", "Pod"), TABLE.by_kind("batch/v1", "Job"), TABLE.by_kind("v1", "ConfigMap")
    assert pods
    assert jobs
    assert maps
    assert str(field_selectors.parse_for("spec.host=n", pods)) == "spec.nodeName=n"
    for text, resource, message in (
        ("spec.foo=1", pods, "field label not supported: spec.foo"),
        ("spec.foo=1", jobs, 'field label "spec.foo" not supported for Job'),
        ("data.x=1", maps, '"data.x" is not a known field selector: only "metadata.name", "metadata.namespace"'),
    ):
        with pytest.raises(SelectorError) as caught:
            field_selectors.parse_for(text, resource)
        assert str(caught.value) == message


def test_field_values() -> None:
    pod = core.Pod(
        metadata=ObjectMeta(name="a", namespace="n"),
        spec=core.PodSpec(nodeName="x"),
        status=core.PodStatus(phase="Running", podIPs=[core.PodIP(ip="10.0.0.1")]),
    )
    assert field_selectors.parse("spec.nodeName=x,status.phase!=Failed,spec.hostNetwork=false,status.podIP=10.0.0.1").matches(pod)
    assert not field_selectors.parse("metadata.namespace=m").matches(pod)
    assert field_selectors.parse("status.successful=2").matches(batch.Job(status=batch.JobStatus(succeeded=2)))
    assert field_selectors.parse("spec.color=blue").matches({"spec": {"color": "blue"}})
    assert field_selectors.field_value({}, "spec.color") == ""


@pytest.mark.parametrize(
    ("text", "demanded"),
    [("a=1", ("a", "1")), ("a in (1)", ("a", "1")), ("a=1,b", ("a", "1")), ("", None), ("a", None), ("a!=1", None), ("a in (1,2)", None)],
)
def test_a_label_that_all_that_matches_has(text: str, demanded: tuple[str, str] | None) -> None:
    assert parse(text).demanded == demanded


def test_what_matches_nothing_demands_nothing() -> None:
    assert NOTHING.demanded is None
