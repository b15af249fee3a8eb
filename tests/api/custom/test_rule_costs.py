"""What rules are estimated to cost, with and without limits in the schema: the numbers are those that upstream tests for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sagong.api import cel
from sagong.api.custom.rules import compiled

Json = dict[str, Any]
Make = Callable[[int | None], Json]
STRINGS: Json = {"required": {"type": "string"}, "optional": {"type": "string"}}
OBJECT: Json = {"type": "object", "properties": STRINGS, "required": ["required"]}
NUMBERS: Json = {"type": "array", "items": {"type": "number"}}
NUMBER_MAP: Json = {"type": "object", "additionalProperties": {"type": "number"}}
OVER = 10_000_000


def of(kind: str) -> Json:
    if kind == "int-or-string":
        return {"x-kubernetes-int-or-string": True}
    return {"type": "string", "format": kind} if kind in ("duration", "date", "date-time", "byte") else {"type": kind}


def limited(name: str, **schema: Any) -> Make:
    return lambda limit: schema if limit is None else {**schema, name: limit}


def array(items: str | Json) -> Make:
    return limited("maxItems", type="array", items=of(items) if isinstance(items, str) else items)


def mapping(values: str | Json) -> Make:
    return limited("maxProperties", type="object", additionalProperties=of(values) if isinstance(values, str) else values)


def string(**more: Any) -> Make:
    return limited("maxLength", type="string", **more)


def strings_in_array(limit: int | None) -> Json:
    return limited("maxItems", type="array", items=string()(limit))(limit)


def strings_in_map(limit: int | None) -> Json:
    return limited("maxProperties", type="object", additionalProperties=string()(limit))(limit)


def fields(**lengths: int | None) -> Make:
    return lambda limit: {"type": "object", "properties": {name: string()(length or limit) for name, length in lengths.items()}}


def nested(limit: int | None) -> Json:
    return array(mapping(limited("maxProperties", **OBJECT)(limit))(limit))(limit)


def nested_without_limit_of_items(limit: int | None) -> Json:
    return array(mapping(OBJECT)(limit))(None)


@pytest.mark.parametrize(
    ("make", "rule", "unlimited", "limit", "wanted"),
    [
        (array("number"), "self.all(x, true)", 4718591, 10, 32),
        (array("string"), "self.all(x, true)", 3145727, 20, 62),
        (array("boolean"), "self.all(x, true)", 1887437, 5, 17),
        (array(NUMBERS), "self.all(x, true)", 3145727, 100, 302),
        (array(OBJECT), "self.all(x, true)", 555128, 50, 152),
        (mapping("number"), "self.all(x, true)", 1348169, 10, 32),
        (mapping("string"), "self.all(x, true)", 1179647, 3, 11),
        (mapping("boolean"), "self.all(x, true)", 943718, 100, 302),
        (string(), "self.contains('test')", 314574, 10, 5),
        (string(), "self.startsWith('test')", 2, 15, 2),
        (string(), "self.endsWith('test')", 2, 30, 2),
        (string(), 'size(self + "hello") > size("hello")', 314578, 4, 7),
        (array("number"), "self[1] == 0.0", 2, 5000, 2),
        (array("string"), "self[1] == self[1]", 314577, 8, 314577),
        (array("number"), "self.all(x, self.all(y, true))", OVER, 10, 352),
        (array("number"), "self.all(x, self.all(y, self.all(z, true)))", OVER, 10, 3552),
        (string(), 'self.matches("x")', 314574, 50, 22),
        (string(), '"".matches("(((((((((())))))))))[0-9]")', 7, 10, 7),
        (string(), 'self.matches("")', 1, 100, 1),
        (strings_in_map, "self.all(x, x.contains(self[x]))", 2752507, 10, 72),
        (array("number"), "self[3] == 0.0", 2, 0, 2),
        (mapping("number"), 'self["x"] == 0.0', 2, 0, 2),
        (string(), 'self == "x"', 2, 0, 1),
        (string(format="byte"), 'self == b"x"', 2, 0, 1),
        (array("number"), "self.all(x, x == 0.0)", 6291454, 3 * 1024 * 2048, 25165826),
        (nested, 'self.all(x, x["y"].required == "z")', 7340027, 10, 72),
        (nested_without_limit_of_items, 'self.all(x, x["y"].required == "z")', 7340027, 10, 7340027),
        (array("int-or-string"), "self.all(x, true)", 4718591, 10, 32),
        (array("int-or-string"), "self[0] == 5", 3, 10, 3),
        (array("boolean"), "self[0] == false", 2, 25, 2),
        (array(OBJECT), "self[0] == null", 2, 422, 2),
        (array(NUMBERS), "self[0][0] == -1.0", 3, 51, 3),
        (array(NUMBER_MAP), "self.all(x, x.y == 25.2)", 6291452, 12, 74),
        (array(NUMBER_MAP), "self[0].x > 2.0", 4, 3000, 4),
        (array("duration"), "self.all(x, true)", 2359295, 5, 17),
        (array("duration"), "self[0].getHours() == 2", 4, 525, 4),
        (array("date"), "self.all(x, true)", 725936, 15, 47),
        (array("date"), "self[2].getDayOfMonth() == 13", 4, 42, 4),
        (array("date-time"), "self.all(x, true)", 428963, 25, 77),
        (array("date-time"), "self[2].getMinutes() == 45", 4, 99, 4),
        (mapping("int-or-string"), "self.all(x, true)", 1348169, 15, 47),
        (mapping(OBJECT), "self.all(x, true)", 428963, 20, 62),
        (mapping(NUMBER_MAP), "self.all(x, true)", 1179647, 10, 32),
        (mapping(NUMBERS), "self.all(x, true)", 1179647, 25, 77),
        (mapping("duration"), "self.all(x, true)", 1048577, 5, 17),
        (mapping("date"), "self.all(x, true)", 524288, 10, 32),
        (mapping("date-time"), "self.all(x, true)", 349526, 25, 77),
        (string(), "self.find('[0-9]+') == ''", 629147, 10, 11),
        (strings_in_array, "self.join(' ') == 'aa bb'", 329853068905, 10, 43),
        (strings_in_array, "self.isSorted() == true", 329854432052, 10, 52),
        (fields(str=None, before=2, after=4), "self.str.replace(self.before, self.after) == 'does not matter'", 629154, 4, 12),
        (fields(str=None, separator=None), "self.str.split(self.separator) == []", 629160, 10, 22),
        (string(), "self.lowerAscii() == 'lower!'", 314575, 10, 6),
        (mapping("integer"), "oldSelf.size() == self.size()", 5, 10, 5),
        (mapping("date-time"), 'self["a"] == self["b"]', 8, 7, 8),
        (mapping("duration"), 'self["c"] == self["d"]', 8, 42, 8),
        (string(enum=["A", "B", "C", "LongValue"]), "self.contains('A')", 2, 1000, 401),
        (limited("maxLength", **of("int-or-string")), "isQuantity(self)", 314574, 20, 9),
    ],
)
def test_costs(make: Make, rule: str, unlimited: int, limit: int, wanted: int) -> None:
    assert _most(make(limit), rule) == wanted
    found = _most(make(None), rule)
    assert found >= OVER if unlimited == OVER else found == unlimited


def _most(schema: Json, rule: str) -> int:
    types = cel.SchemaTypes()
    declared = types.declare(schema, "selfType")
    assert declared is not None
    (found,) = compiled({**schema, "x-kubernetes-validations": [{"rule": rule}]}, declared, types)
    assert found.program is not None, found.error
    return cel.estimate(found.program, {"self": declared, "oldSelf": declared}).most
