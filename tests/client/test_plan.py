"""Applying plans: what is tried, when it stops, and how long the key then rests."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from sagong.api.errors import Cause, ForbiddenError
from sagong.api.types.core import ConfigMap
from sagong.api.types.meta import ObjectMeta
from sagong.client.client import Client
from sagong.client.plan import MANY, NAMESPACE_TERMINATING, TERMINATING_REST, Create, Outcome, Plan, Together, apply, rest_after


class Refusing:
    """A client for which every creation meets the error."""

    def __init__(self, error: ForbiddenError) -> None:
        self.error, self.asked = error, 0

    async def create(self, _obj: Any, *, resource: Any = None) -> Any:
        del resource
        self.asked += 1
        raise self.error


def _applied(client: Refusing, plan: Plan) -> Outcome:
    return asyncio.run(apply(plan, cast("Client", client), None, declared={"configmaps": {"create"}}))


def _many(count: int) -> Plan:
    obj = ConfigMap(metadata=ObjectMeta(generateName="a-", namespace="going"))
    return Plan((Together((Create(obj),) * count, slow_start=True),))


def test_nothing_more_is_created_where_a_namespace_terminates_and_the_key_rests() -> None:
    client = Refusing(ForbiddenError("no", causes=[Cause(NAMESPACE_TERMINATING, "namespace going is being terminated", "")]))
    outcome = _applied(client, _many(500))
    assert client.asked == 1
    assert outcome.failure is None
    assert outcome.rest == TERMINATING_REST


def test_another_refusal_is_a_failure_and_makes_no_rest() -> None:
    client = Refusing(ForbiddenError("exceeded quota"))
    outcome = _applied(client, _many(500))
    assert client.asked == 1
    assert outcome.failure is client.error
    assert outcome.rest == 0


def test_the_longest_rest_counts() -> None:
    plan = Plan(rest=0.2, then=lambda _failure: Plan(rest=0.3))
    assert _applied(Refusing(ForbiddenError("")), plan).rest == 0.3


def test_only_what_is_looked_at_with_many_others_rests() -> None:
    assert rest_after(MANY - 1) == 0
    assert 0 < rest_after(1000) <= 0.1
