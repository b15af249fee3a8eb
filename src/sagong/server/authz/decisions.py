"""How often each authorizer decided, under upstream's name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct, field

from sagong.api.exposition import Metric
from sagong.server.contract import Attributes, Authorizer, Decision


class Decisions(Struct):
    """Counts by type and decision; `names` are what the configuration calls each type, where not by its own in lower case."""

    allowed: Counter[str] = field(default_factory=Counter)
    named: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    names: dict[str, str] = field(default_factory=dict)

    def families(self) -> Iterable[Metric]:
        """Return what /metrics shows."""
        family = Metric(
            "apiserver_authorization_decisions_total", "counter", "How often an authorizer allowed or denied, by its type and name."
        )
        for kind, count in self.allowed.items():
            family.add(count, type=kind, name=self.names.get(kind, kind.lower()), decision="allowed")
        for (kind, name, decision), count in self.named.items():
            family.add(count, type=kind, name=name, decision=decision)
        return (family,)


class Counted(Struct):
    """An authorizer whose decisions are counted."""

    authorizer: Authorizer
    kind: str
    name: str
    decisions: Decisions

    async def authorize(self, attributes: Attributes) -> Decision:
        """Decide."""
        decision = await self.authorizer.authorize(attributes)
        if decision.allowed or decision.denied:
            self.decisions.named[self.kind, self.name, "allowed" if decision.allowed else "denied"] += 1
        return decision
