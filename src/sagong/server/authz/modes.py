"""The authorizers that the configuration names, in its order: the first that allows or denies decides."""

from __future__ import annotations

from collections.abc import Sequence

from sagong.server.authz.authorizer import MASTERS, ChainAuthorizer
from sagong.server.contract import Attributes, Authorizer, Decision

_ANYTHING = Decision(allowed=True)


class AlwaysAllow:
    """Lets everybody do everything."""

    async def authorize(self, attributes: Attributes) -> Decision:
        """Decide."""
        del attributes
        return _ANYTHING


class AlwaysDeny:
    """Has nothing to say for anybody: whoever is asked after it may still allow."""

    async def authorize(self, attributes: Attributes) -> Decision:
        """Decide."""
        del attributes
        return Decision(allowed=False, reason="Everything is forbidden.")


class Modes:
    """Asks one after the other; members of system:masters are not asked about."""

    def __init__(self, authorizers: Sequence[Authorizer]) -> None:
        self._authorizers = tuple(authorizers)

    async def authorize(self, attributes: Attributes) -> Decision:
        """Decide."""
        if MASTERS in attributes.user.groups:
            return _ANYTHING
        reasons, errors = [], []
        for authorizer in self._authorizers:
            decision = await authorizer.authorize(attributes)
            if decision.allowed or decision.denied:
                return decision
            reasons.append(decision.reason)
            errors.append(decision.error)
        return Decision(allowed=False, reason="\n".join(filter(None, reasons)), error=", ".join(filter(None, errors)))


def merged(modes: Sequence[str | Authorizer], chain: ChainAuthorizer) -> Authorizer:
    """Return one authorizer for modes by name, and authorizers that are made already; Node and RBAC in a row are one step."""
    steps: list[Authorizer] = []
    index = 0
    while index < len(modes):
        mode = modes[index]
        if modes[index : index + 2] == ["Node", "RBAC"]:
            steps.append(chain)
            index += 1
        elif isinstance(mode, str):
            steps.append({"Node": chain.node_alone, "RBAC": chain.rbac_alone, "AlwaysAllow": AlwaysAllow, "AlwaysDeny": AlwaysDeny}[mode]())
        else:
            steps.append(mode)
        index += 1
    return steps[0] if steps == [chain] else Modes(steps)
