from __future__ import annotations

import pytest

from sagong.api import cel
from sagong.api.cel.sizes import LIMITLESS

SELF = {"self": cel.DYN}


@pytest.mark.parametrize(
    ("expression", "least", "most", "spent"),
    [
        ("'ABCDEFGHIJ abcdefghij'.lowerAscii()", 3, 3, 3),
        ("'abc 123 def 123'.replace('123', '456')", 3, 3, 3),
        ("'abc 123 def 123'.split(' ')", 3, 3, 3),
        ("'abc 123 def 123'.substring(5)", 2, 2, 2),
        ("'  abc 123 def 123  '.trim()", 2, 2, 2),
        ("'abc 123 def 456'.find('123')", 2, 2, 2),
        ("url('https:://kubernetes.io/').getScheme()", 4, 4, 4),
        ("ip('192.168.0.1') == ip('192.168.0.1')", 5, 5, 5),
        ("quantity('12Mi').isGreaterThan(quantity('6Mi'))", 3, 3, 3),
        ("[1, 2, 3].all(x, x > 0)", 20, 26, 16),
        ("{'a': 1, 'b': 2}.all(k, v, v > 0)", 37, 41, 11),
        ("[1, 2].transformList(i, v, v + 1)", 49, 49, 29),
        ("sets.contains([1, 2, 3, 4], [2, 3])", 29, 29, 9),
    ],
)
def test_the_cost_is_estimated_and_counted(expression: str, least: int, most: int, spent: int) -> None:
    program = cel.compile(expression, {})
    assert cel.estimate(program, {}) == (least, most)
    assert program.run({})[1] == spent


def test_a_call_that_costs_too_much_is_cut_off() -> None:
    program = cel.compile("self.all(x, self.all(y, x == y || true))", SELF)
    with pytest.raises(cel.CostExceeded) as raised:
        program.evaluate({"self": list(range(1000))})
    assert str(raised.value) == "operation cancelled: actual cost limit exceeded"
    assert not raised.value.budget


def test_an_error_absorbed_by_logic_does_not_absorb_the_limit() -> None:
    with pytest.raises(cel.CostExceeded):
        cel.compile("self.all(x, self.all(y, x == y || true)) || true", SELF).evaluate({"self": list(range(1000))})


@pytest.mark.parametrize(
    "expression",
    [
        "lists.range(9223372036854775807)",
        "self.text.replace('a', self.text)",
        "self.list.map(x, self.text + self.text)",
        "self.list.map(x, [self.list, self.list].flatten())",
        "self.list.map(x, self.list + self.list)",
        "self.list.map(x, self.text).join(self.text)",
        "self.list.distinct()",
        "sets.intersects(self.list, self.list)",
        "'%.999999999f'.format([1.0])",
    ],
)
def test_nothing_fills_the_memory(expression: str) -> None:
    values = {"text": "a" * 100_000, "list": list(range(5_000))}
    with pytest.raises(cel.CostExceeded):
        cel.compile(expression, SELF).evaluate({"self": values})


def test_what_is_only_passed_on_takes_no_room() -> None:
    values = {"text": "a" * 1_000_000, "list": list(range(100))}
    assert cel.compile("self.list.all(x, dyn(self.text) != 'b')", SELF).evaluate({"self": values}) is True


def test_evaluations_share_a_budget() -> None:
    program = cel.compile("self.exists(x, x == 99)", SELF)
    budget = cel.Budget(2 * program.run({"self": list(range(100))})[1])
    assert program.evaluate({"self": list(range(100))}, budget)
    assert program.evaluate({"self": list(range(100))}, budget)
    with pytest.raises(cel.CostExceeded) as raised:
        program.evaluate({"self": list(range(100))}, budget)
    assert raised.value.budget


def test_sizes_in_the_schema_bound_the_estimate() -> None:
    text = {"type": "string", "maxLength": 10}
    schema = {
        "type": "object",
        "properties": {"few": {"type": "array", "maxItems": 5, "items": text}, "any": {"type": "array", "items": text}},
    }
    schemas = cel.SchemaTypes()
    declared = schemas.declare(schema, "selfType")
    assert declared is not None
    few, unbounded = (
        cel.estimate(cel.compile(f"self.{name}.all(x, x.contains('a'))", {"self": declared.type}, structs=schemas), {"self": declared}).most
        for name in ("few", "any")
    )
    assert few < 100
    assert 1_000_000 < unbounded < LIMITLESS
