"""A validating policy's judgement: messages, annotations, failures, costs, match conditions."""

from __future__ import annotations

from typing import Any

import pytest

from sagong.api.cel.library.authz import Question, Verdict
from sagong.api.policies.evaluation import OUT_OF_BUDGET, Activation
from sagong.api.policies.validating import Denial, Judgement, ValidatingProgram
from sagong.api.types.admissionregistration import (
    AuditAnnotation,
    MatchCondition,
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicySpec,
    Validation,
    Variable,
)

REQUEST = {"requestResource": {"group": "", "resource": "configmaps"}, "name": "c", "namespace": "n"}


def judge(*validations: Validation, **spec: Any) -> Judgement:
    asked = ValidatingAdmissionPolicySpec(validations=list(validations), **spec)
    program = ValidatingProgram(ValidatingAdmissionPolicy(spec=asked))

    def decide(question: Question) -> Verdict:
        return Verdict(allowed=question.name == "c")

    activation = Activation({"data": {"a": "b"}, "many": list(range(1000))}, None, REQUEST, decide=decide, variables=program.variables)
    return program.judge(activation, activation)


@pytest.mark.parametrize(
    ("validation", "denials"),
    [
        (Validation(expression="object.data.a == 'b'"), []),
        (Validation(expression=" object.data.a == 'c' "), [Denial(0, "failed expression: object.data.a == 'c'", "Invalid")]),
        (Validation(expression="false", message=" no ", reason="Forbidden"), [Denial(0, "no", "Forbidden")]),
        (Validation(expression="false", messageExpression="'said ' + object.data.a"), [Denial(0, "said b", "Invalid")]),
        (Validation(expression="false", message="m", messageExpression="object.data.missing + ''"), [Denial(0, "m", "Invalid")]),
        (Validation(expression="false", message="m", messageExpression="' '"), [Denial(0, "m", "Invalid")]),
        (Validation(expression="false", message="m", messageExpression="'a\\nb'"), [Denial(0, "m", "Invalid")]),
        (Validation(expression="false", message="m", messageExpression="1 + "), [Denial(0, "m", "Invalid")]),
        (Validation(expression="authorizer.requestResource.check('get').allowed()"), []),
        (Validation(expression="namespaceObject == null || oldObject == null"), []),
        (
            Validation(expression="object.x == 1"),
            [Denial(0, "expression 'object.x == 1' resulted in error: no such key: x")],
        ),
        (
            Validation(expression="object.x"),
            [Denial(0, "compilation error: must evaluate to bool but got dyn")],
        ),
    ],
)
def test_denials(validation: Validation, denials: list[Denial]) -> None:
    assert judge(validation).denials == denials


def test_a_policy_that_may_fail_still_denies() -> None:
    broken, false = Validation(expression="object.x == 1"), Validation(expression="false", message="no")
    assert judge(broken, false, failurePolicy="Ignore").denials == [Denial(1, "no", "Invalid")]


def test_annotations() -> None:
    expressions = {"a": "'x' + object.data.a", "b": "' '", "c": "null", "d": "object.data.missing + ''"}
    annotations = [AuditAnnotation(key=key, valueExpression=expression) for key, expression in expressions.items()]
    found = judge(auditAnnotations=annotations)
    assert found.annotations == [("a", "xb")]
    assert found.complaints == ["expression 'object.data.missing + ''' resulted in error: no such key: missing"]
    assert judge(auditAnnotations=annotations, failurePolicy="Ignore").complaints == []


@pytest.mark.parametrize(
    ("conditions", "denied"),
    [
        (("true", "request.name == 'c'"), ["no"]),
        (("false",), []),
        (("object.x == 1", "false"), []),
        (("object.x == 1", "true"), ["expression 'object.x == 1' resulted in error: no such key: x"]),
        (
            ("object.x == 1", "object.y == 1"),
            [
                ("[expression 'object.x == 1' resulted in error: no such key: x, "
                "expression 'object.y == 1' resulted in error: no such key: y]")
            ],
        ),
    ],
)  # fmt: skip
def test_match_conditions(conditions: tuple[str, ...], denied: list[str]) -> None:
    false = Validation(expression="false", message="no")
    asked = [MatchCondition(name=f"c{index}", expression=expression) for index, expression in enumerate(conditions)]
    assert [denial.message for denial in judge(false, matchConditions=asked).denials] == denied
    if len(conditions) == 2 and "object" in conditions[0]:
        assert judge(false, matchConditions=asked, failurePolicy="Ignore").denials == ()


def test_all_expressions_share_one_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagong.api.policies.validating.BUDGET", 100_000)
    each = Validation(expression="variables.half > 0 && object.many.all(x, x * x >= 0)")
    half = Variable(name="half", expression="object.many.map(x, x).size()")
    assert judge(*[each] * 10, variables=[half]).denials == []
    found = judge(*[each] * 20, variables=[half])
    assert [denial.message for denial in found.denials] == [OUT_OF_BUDGET]
    assert judge(*[each] * 20, variables=[half], failurePolicy="Ignore").denials == ()


def test_what_was_costly_is_known() -> None:
    each = Validation(expression="object.many.all(x, x * x >= 0)")
    activation = Activation({"many": list(range(1000))}, None, REQUEST)
    for count in (1, 20):
        program = ValidatingProgram(ValidatingAdmissionPolicy(spec=ValidatingAdmissionPolicySpec(validations=[each] * count)))
        program.judge(activation, activation)
        assert program.costly is (count == 20)


def test_variables_that_do_not_compile_fail_when_they_are_used() -> None:
    variables = [Variable(name="wrong", expression="1 +"), Variable(name="right", expression="1")]
    assert judge(Validation(expression="variables.right == 1"), variables=variables).denials == []
    (denial,) = judge(Validation(expression="variables.wrong == 1"), variables=variables).denials
    assert 'composited variable "wrong" fails to compile: compilation failed: ERROR: <input>:1:4: Syntax error' in denial.message
