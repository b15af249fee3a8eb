from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagong.api import cel
from sagong.api.cel.values import UInt

TYPES = {"x": cel.INT, "self": cel.DYN, "m": cel.map_of(cel.STRING, cel.INT), "s": cel.STRING, "nothing": cel.DYN}
VALUES: dict[str, Any] = {
    "x": 3,
    "self": {"spec": {"replicas": 3}, "metadata": {"name": "abc", "labels": {"a/b": "c"}}, "list": [1, 2, 3], "empty": []},
    "m": {"a": 1, "b": 2},
    "s": "hello",
    "nothing": None,
}


def evaluate(expression: str) -> Any:
    return cel.compile(expression, TYPES).evaluate(VALUES)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("x + 1", 4),
        ("-x", -3),
        ("- 5", -5),
        ("-9223372036854775808", -9223372036854775808),
        ("x -1", 2),
        ("1 + 2 * 3 - 4 / 2 % 3", 5),
        ("-7 / 2", -3),
        ("-7 % 2", -1),
        ("7.0 / 2.0", 3.5),
        ("0x1F", 31),
        ("1e3", 1000.0),
        ("5u - 2u", 3),
        ("!!true", True),
        ("1 < 2 && 2 <= 2 || false", True),
        ("2 > 1.5", True),
        ("1u < 2", True),
        ("dyn(1) == 1.0", True),
        ("dyn(9223372036854775807) < 9223372036854775808.0", False),
        ("dyn(1) == dyn(true)", False),
        ("dyn(1) == 'a'", False),
        ("x > 1 ? 'a' : 'b'", "a"),
        ("'a' + 'b'", "ab"),
        ("b'abc' == b'ab\\x63'", True),
        ("r'\\d'", "\\d"),
        ("'\\u00e9\\n\\x41\\101'", "é\nAA"),
        ("'''a\nb'''", "a\nb"),
        ("// a comment\n x", 3),
        ("[1, 2] + [3]", [1, 2, 3]),
        ("[1, 2, 3][1]", 2),
        ("[1, 2][dyn(1.0)]", 2),
        ("{'a': 1}['a'] + {'a': 1}.a", 2),
        ("self.metadata.labels['a/b']", "c"),
        ("2 in [1, 2] && 'a' in m && !('z' in m)", True),
        ("2.0 in [dyn(1), dyn(2)]", True),
        ("x in self.list", True),
        ("size(s) + s.size() + size(m) + self.list.size()", 15),
        ("'한국'.size()", 2),
        ("has(self.spec.replicas)", True),
        ("has(self.foo)", False),
        ("has(self.metadata.labels)", True),
        ("has({'a': 1}.a)", True),
        ("1 / 0 == 1 || true", True),
        ("true || 1 / 0 == 1", True),
        ("1 / 0 == 1 && false", False),
        ("[1, 0].exists(i, 1 / i == 1)", True),
        ("[0, 2].all(i, 1 / i == 1)", False),
        ("[].all(i, i > 0)", True),
        ("m.all(k, m[k] > 0)", True),
        ("m.exists(k, k == 'a')", True),
        ("[1, 2].exists_one(i, i > 1)", True),
        ("[1, 2, 3].map(i, i * 2)", [2, 4, 6]),
        ("[1, 2, 3].map(i, i > 1, i * 2)", [4, 6]),
        ("[1, 2, 3].filter(i, i > 1)", [2, 3]),
        ("m.filter(k, m[k] > 1)", ["b"]),
        ("[[1, 2], [3]].map(l, l.map(i, i + 1))", [[2, 3], [4]]),
        ("[1, 2].map(x, x + 1).map(x, x + 1)", [3, 4]),
        ("[1].map(x, x) == [1] && x == 3", True),
        ("m.all(k, v, v > 0)", True),
        ("[5, 6].exists(i, v, i == 1 && v == 6)", True),
        ("m.exists_one(k, v, v == 1) && m.existsOne(k, v, v == 1)", True),
        ("m.transformList(k, v, v * 2)", [2, 4]),
        ("m.transformList(k, v, v > 1, k)", ["b"]),
        ("m.transformMap(k, v, v + 1)", {"a": 2, "b": 3}),
        ("m.transformMap(k, v, v > 1, v + 1)", {"b": 3}),
        ("m.transformMapEntry(k, v, {v: k})", {1: "a", 2: "b"}),
        ("self.?spec.?replicas.orValue(0)", 3),
        ("self.?spec.?nope.?deeper.hasValue()", False),
        ("self[?'nope'].orValue('d')", "d"),
        ("[1][?0].value() + [1][?7].orValue(2)", 3),
        ("optional.of(1).optMap(v, v + 1).value()", 2),
        ("optional.none().optMap(v, v + 1).orValue(7)", 7),
        ("optional.of(self).optFlatMap(v, v.?spec).hasValue()", True),
        ("optional.none().or(optional.of(1)).value()", 1),
        ("optional.ofNonZeroValue('').hasValue()", False),
        ("[?optional.none(), ?optional.of(2)]", [2]),
        ("{?'a': optional.none(), 'b': 1}", {"b": 1}),
        ("optional.unwrap([optional.of(1), optional.none()])", [1]),
        ("[1, 2].first().value() + [1, 2].last().value()", 3),
        ("type(1) == int && type('a') == string && type(null) == null_type && type([]) == list", True),
        ("type(1u) == uint && type({}) == map && type(type(1)) == type && type(1.0) != int", True),
        ("int('42') + int(1.9) + int(3u) + int(timestamp('1970-01-01T00:00:05Z'))", 51),
        ("uint(3) == 3u", True),
        ("double('1.5') + double(1)", 2.5),
        ("bool('true') && !bool('F')", True),
        ("string(1000000.0) + string(123456.0) + string(0.0001)", "1e+061234560.0001"),
        ("string(1.5) + string(1.0) + string(1e21) + string(1e-7) + string(true)", "1.511e+211e-07true"),
        ("string(duration('90m'))", "5400s"),
        ("string(timestamp('2020-01-02T03:04:05.120+01:00'))", "2020-01-02T02:04:05.12Z"),
        ("string(b'abc')", "abc"),
        ("duration('1h30m').getMinutes()", 90),
        ("duration('1.5s').getMilliseconds()", 1500),
        ("timestamp('2020-01-02T03:04:05.5Z').getMilliseconds()", 500),
        ("timestamp('2020-01-02T03:04:05Z').getDayOfWeek()", 4),
        ("timestamp('2020-01-02T03:04:05Z').getHours('-04:00')", 23),
        ("timestamp('2020-01-02T03:04:05Z').getDate('UTC')", 2),
        ("timestamp('2020-01-02T00:00:00Z') + duration('24h') == timestamp('2020-01-03T00:00:00Z')", True),
        ("timestamp('2020-01-02T00:00:00Z') - timestamp('2020-01-01T00:00:00Z') == duration('24h')", True),
        ("s.startsWith('he') && s.endsWith('lo') && s.contains('ell')", True),
        ("s.matches('^h.*o$') && matches(s, 'l+')", True),
    ],
)
def test_evaluates(expression: str, value: Any) -> None:
    found = evaluate(expression)
    assert found == value
    assert type(found) is type(value) or isinstance(found, UInt)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("self.nope", "no such key: nope"),
        ("nothing.foo", "no such key: foo"),
        ("has(self.foo.bar)", "no such key: foo"),
        ("self.list.foo", "unsupported index type 'string' in list"),
        ("m['zz']", "no such key: zz"),
        ("[1, 2][5]", "index out of bounds: 5"),
        ("1 / 0", "division by zero"),
        ("1 % 0", "modulus by zero"),
        ("9223372036854775807 + 1", "integer overflow"),
        ("0u - 1u", "unsigned integer overflow"),
        ("1 / 0 == 1 && true", "division by zero"),
        ("[0, 1].all(i, 1 / i == 1)", "division by zero"),
        ("self.spec.replicas + 'a'", "no such overload"),
        ("self.metadata.name < 3", "no such overload"),
        ("dyn('a') && true", "no such overload"),
        ("timestamp(null).getHours() == 1", "no such overload"),
        ("dyn({}).getHost() == 'a'", "no such overload"),
        ("[dyn(1), dyn('a')].sum() == 1", "no such overload"),
        ("[1][dyn(double('NaN'))] == 1", "unsupported index value nan in list"),
        ("timestamp('0001-01-01T00:00:00Z').getDate('America/New_York') == 1", "timestamp overflow"),
        ("s.matches(self.metadata.name + '(')", "error parsing regexp: missing closing ): `abc(`"),
        ("optional.none().value()", "optional.none() dereference"),
        ("int(self.metadata.name)", "type conversion error from 'string' to 'int'"),
        ("{'a': 1, 'a': 2}", "Failed with repeated key: a"),
        ("timestamp('9999-12-31T23:59:59Z') + duration('1s')", "timestamp overflow"),
    ],
)
def test_fails(expression: str, message: str) -> None:
    with pytest.raises(cel.EvaluationError) as raised:
        evaluate(expression)
    assert str(raised.value) == message


PRIMARY = "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("x + 'a'", "ERROR: <input>:1:3: found no matching overload for '_+_' applied to '(int, string)'\n | x + 'a'\n | ..^"),
        ("y", "ERROR: <input>:1:1: undeclared reference to 'y' (in container '')\n | y\n | ^"),
        ("x +", f"ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' expecting {PRIMARY}\n | x +\n | ...^"),
        ("x x", "ERROR: <input>:1:3: Syntax error: extraneous input 'x' expecting <EOF>\n | x x\n | ..^"),
        ("!-(1)", "ERROR: <input>:1:3: Syntax error: no viable alternative at input '-('\n | !-(1)\n | ..^"),
        ("(x", "ERROR: <input>:1:3: Syntax error: missing ')' at '<EOF>'\n | (x\n | ..^"),
        ("x\n+ y", "ERROR: <input>:2:3: undeclared reference to 'y' (in container '')\n | + y\n | ..^"),
        ("'é' + 1", "ERROR: <input>:1:5: found no matching overload for '_+_' applied to '(string, int)'\n | 'é' + 1\n | .\uff0e..^"),
        ("x.foo()", "ERROR: <input>:1:6: undeclared reference to 'foo' (in container '')\n | x.foo()\n | .....^"),
        ("x.y", "ERROR: <input>:1:2: type 'int' does not support field selection\n | x.y\n | .^"),
        ("has(x)", "ERROR: <input>:1:5: invalid argument to has() macro\n | has(x)\n | ....^"),
        ("for", "ERROR: <input>:1:1: reserved identifier: for\n | for\n | ^"),
        ("[1, 'a']", "ERROR: <input>:1:5: expected type 'int' but found 'string'\n | [1, 'a']\n | ....^"),
        ("{'a': 1, 'b': 'x'}", "ERROR: <input>:1:15: expected type 'int' but found 'string'\n | {'a': 1, 'b': 'x'}\n | ..............^"),
        ("[self, 1]", "ERROR: <input>:1:8: expected type 'dyn' but found 'int'\n | [self, 1]\n | .......^"),
        (
            "'%d'.format(['a', 1])",
            (
                "ERROR: <input>:1:14: error during formatting: decimal clause can only be used on integers, was given string\n"
                " | '%d'.format(['a', 1])\n | .............^"
            ),
        ),
        (
            "'%s'.format([1, 'a'])",
            (
                "ERROR: <input>:1:12: too many arguments supplied to string.format (expected 1, got 2)\n"
                " | '%s'.format([1, 'a'])\n | ...........^"
            ),
        ),
        ("s.matches('(')", "ERROR: <input>:1:11: invalid matches argument\n | s.matches('(')\n | ..........^"),
        ("duration('x')", "ERROR: <input>:1:10: invalid duration argument\n | duration('x')\n | .........^"),
        (
            "x.all(i, i)",
            (
                "ERROR: <input>:1:1: expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)"
                "\n | x.all(i, i)\n | ^"
            ),
        ),
        ("m.all(k, k, true)", "ERROR: <input>:1:10: duplicate variable name: k\n | m.all(k, k, true)\n | .........^"),
        ("m.map(1, 2)", "ERROR: <input>:1:7: argument is not an identifier\n | m.map(1, 2)\n | ......^"),
        ("m.all(1, true)", "ERROR: <input>:1:7: argument must be a simple name\n | m.all(1, true)\n | ......^"),
        ("9223372036854775808", "ERROR: <input>:1:1: invalid int literal\n | 9223372036854775808\n | ^"),
        ("true && 'a'", "ERROR: <input>:1:9: expected type 'bool' but found 'string'\n | true && 'a'\n | ........^"),
        ("1.0 == 1", "ERROR: <input>:1:5: found no matching overload for '_==_' applied to '(double, int)'\n | 1.0 == 1\n | ....^"),
        (
            "s.startsWith(1)",
            (
                "ERROR: <input>:1:13: found no matching overload for 'startsWith' applied to 'string.(int)'"
                "\n | s.startsWith(1)\n | ............^"
            ),
        ),
        ("int{a: 1}", "ERROR: <input>:1:4: 'int' is not a message type\n | int{a: 1}\n | ...^"),
        ("Foo{a: 1}", "ERROR: <input>:1:4: undeclared reference to 'Foo' (in container '')\n | Foo{a: 1}\n | ...^"),
    ],
)  # fmt: skip
def test_does_not_compile(expression: str, message: str) -> None:
    with pytest.raises(cel.CompileError) as raised:
        cel.compile(expression, TYPES)
    assert str(raised.value) == message


def test_every_fault_is_told_in_the_order_of_the_text() -> None:
    with pytest.raises(cel.CompileError) as raised:
        cel.compile("b && x + 'a' == 1 && a", TYPES)
    assert [issue.offset for issue in raised.value.issues] == [0, 7, 21]


@pytest.mark.parametrize("expression", ["(" * 300 + "1" + ")" * 300, "1" + " + 1" * 300, "a" + ".b" * 400, "1" * 100_001, "[" * 3000])
def test_what_is_too_deep_or_too_long_is_refused(expression: str) -> None:
    with pytest.raises(cel.CompileError, match=r"limit exceeded|exceeds limit|depth exceeded"):
        cel.compile(expression, {"a": cel.DYN})


def test_a_long_chain_of_conditions_is_not_deep() -> None:
    assert cel.compile(" && ".join(["x > 0"] * 2000), TYPES).evaluate({"x": 1}) is True


@given(st.text(max_size=60))
def test_any_text_compiles_or_is_refused(text: str) -> None:
    with contextlib.suppress(cel.CompileError):
        assert cel.compile(text, TYPES).source == text


@given(
    st.lists(
        st.sampled_from([*"()[]{}.,?:+-*/%!<>=&|'\"", "x", "self", "m", "s", " ", "in", "has", ".all(i, i)", ".?a", "1", "'a'"]),
        max_size=14,
    )
)
def test_any_mix_of_tokens_compiles_or_is_refused(parts: list[str]) -> None:
    try:
        program = cel.compile("".join(parts), TYPES)
    except cel.CompileError:
        return
    with contextlib.suppress(cel.CelError):
        program.evaluate(VALUES)
