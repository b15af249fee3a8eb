"""clusterrole-aggregation: a cluster role with an aggregation rule has the rules of all that the rule selects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sagong.api.selectors import from_label_selector
from sagong.api.types.rbac import ClusterRole, PolicyRule
from sagong.client.plan import NOTHING, Plan, Update
from sagong.controllers.declaration import Controller, Key, Watch, writes
from sagong.controllers.view import View


def plan(role: ClusterRole, every: Sequence[ClusterRole]) -> Plan:
    """Plan one role."""
    if role.aggregationRule is None:
        return NOTHING
    rules: list[PolicyRule] = []
    for selector in map(from_label_selector, role.aggregationRule.clusterRoleSelectors):
        for other in sorted(every, key=lambda found: found.metadata.name):
            if other.metadata.name != role.metadata.name and selector.matches(other.metadata.labels):
                rules += [rule for rule in other.rules or () if rule not in rules]
    if rules == (role.rules or []):
        return NOTHING
    changed = role.copy()
    changed.rules = rules
    return Plan((Update(changed),))


def reconcile(view: View, key: Key) -> Plan:
    """Look at one role."""
    role = view.get(ClusterRole, "", key.name)
    return plan(role, view.list(ClusterRole)) if role is not None else NOTHING


def _aggregating(view: View, _changed: ClusterRole) -> Iterable[Key]:
    return [Key("", role.metadata.name) for role in view.list(ClusterRole) if role.aggregationRule is not None]


CONTROLLER = Controller(
    name="clusterrole-aggregation",
    account="clusterrole-aggregation-controller",
    watches=(Watch(ClusterRole, _aggregating),),
    writes=writes(("update", ClusterRole)),
    reconcile=reconcile,
)
