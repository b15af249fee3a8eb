"""Defaults of API priority and fairness."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagong.api.defaults.fill import fill
from sagong.api.types import flowcontrol

_QUEUING = {"handSize": 8, "queues": 64, "queueLengthLimit": 50}


def _flow_schema(obj: flowcontrol.FlowSchema) -> None:
    fill(obj.spec, {"matchingPrecedence": 1000})


def _priority_level(obj: flowcontrol.PriorityLevelConfiguration) -> None:
    if obj.spec.exempt:
        fill(obj.spec.exempt, {"nominalConcurrencyShares": 0, "lendablePercent": 0})
    if obj.spec.limited:
        fill(obj.spec.limited, {"nominalConcurrencyShares": 30, "lendablePercent": 0})
        if obj.spec.limited.limitResponse.queuing:
            fill(obj.spec.limited.limitResponse.queuing, _QUEUING)


TABLE: dict[type, Callable[[Any], None]] = {
    flowcontrol.FlowSchema: _flow_schema,
    flowcontrol.PriorityLevelConfiguration: _priority_level,
}
