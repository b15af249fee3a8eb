"""How many seats each priority level gets: its nominal share, and every ten seconds what it borrows or lends. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from sagong.api.types.flowcontrol import PriorityLevelConfiguration
from sagong.server.flowcontrol.queues import Demand

SMOOTHING = 0.977  # of the demand's decay, which halves in five minutes of ten-second steps
_LEAST_TARGET = 0.001
_MOST_OF_A_LEVEL = 0.15
_STEPS = 80
_DEFAULT_SHARES = 30


class Bounds(NamedTuple):
    """Seats: by configuration, with all lent that may be, with all borrowed that may be."""

    nominal: int
    least: int
    most: int

    @property
    def initial(self) -> int:
        """What a level has before any demand was seen."""
        return self.nominal - (self.nominal - self.least) // 2


class Standing(Struct, frozen=True):
    """Where a level stands in the borrowing: its bounds, what it could use (smoothed), and what it has."""

    bounds: Bounds
    exempt: bool = False
    smoothed: float = 0.0
    demand: Demand = field(default_factory=Demand)
    target: float = 0.0
    current: int = 0

    def seen(self, demand: Demand) -> Standing:
        """Return it after another period."""
        envelope = demand.average + demand.deviation
        return replace(self, demand=demand, smoothed=max(envelope, SMOOTHING * self.smoothed + (1 - SMOOTHING) * envelope))


def bounds(levels: Sequence[PriorityLevelConfiguration], total: int) -> dict[str, Bounds]:
    """Share `total` seats out by name; rounding goes up."""
    shares = {level.metadata.name: _shares(level) for level in levels}
    whole = sum(shares.values()) or 1
    return {level.metadata.name: _bounds(level, math.ceil(total * shares[level.metadata.name] / whole), total) for level in levels}


def widest(level: PriorityLevelConfiguration, nominal: int) -> int:
    """Return how many seats one request of the level may take; 0: as many as any."""
    limited = level.spec.limited
    queuing = limited.limitResponse.queuing if limited is not None else None
    if queuing is None:
        return 0
    return max(1, min(math.ceil(nominal * _MOST_OF_A_LEVEL), nominal // max(queuing.handSize, 1)))


def adjust(standings: Mapping[str, Standing]) -> tuple[dict[str, Standing], float]:
    """Share the seats out by demand; return where the levels stand then, and the fair fraction of their targets.

    An exempt level takes what it uses. What is left goes to the others: each within its bounds, all at the same fraction of
    their targets as far as the bounds allow.
    """
    total = left = sum(one.bounds.nominal for one in standings.values())
    result: dict[str, Standing] = {}
    floors: dict[str, int] = {}
    for name, one in standings.items():
        if one.exempt:
            current = max(one.bounds.least, one.demand.peak)
            result[name] = replace(one, current=current, target=float(current))
            left -= current
        else:
            floors[name] = max(one.bounds.least, min(one.bounds.nominal, one.demand.peak))
    least = sum(standings[name].bounds.least for name in floors)
    needed = sum(floors.values())
    fraction = 0.0
    if left <= least:
        seats = {name: float(standings[name].bounds.least) for name in floors}
    elif left <= needed:
        part = (left - least) / (needed - least)
        seats = {name: standings[name].bounds.least + (floor - standings[name].bounds.least) * part for name, floor in floors.items()}
    else:
        wishes = [
            _Wish(float(floor), float(standings[name].bounds.most), _target(standings[name], floor)) for name, floor in floors.items()
        ]
        found, fraction = allocate(total, wishes)
        seats = dict(zip(floors, found, strict=True))
    for name, floor in floors.items():
        one = standings[name]
        result[name] = replace(one, current=round(seats[name]), target=_target(one, floor))
    return result, fraction


class _Wish(NamedTuple):
    low: float
    high: float
    target: float


def allocate(total: float, wishes: Sequence[tuple[float, float, float]]) -> tuple[list[float], float]:
    """Give each (low, high, target) `fraction * target` kept within its bounds, with the fraction at which all sums up to `total`."""
    rows = [_Wish(low, high, max(target, low, _LEAST_TARGET)) for low, high, target in wishes]
    under, over = 0.0, max((row.high / row.target for row in rows), default=0.0)

    def shares(fraction: float) -> list[float]:
        return [min(max(fraction * row.target, row.low), row.high) for row in rows]

    for _ in range(_STEPS):
        middle = (under + over) / 2
        if sum(shares(middle)) < total:
            under = middle
        else:
            over = middle
    return shares(over), over


def _target(one: Standing, floor: int) -> float:
    return max(float(floor), one.smoothed)


def _shares(level: PriorityLevelConfiguration) -> int:
    spec = level.spec
    if spec.limited is not None:
        said = spec.limited.nominalConcurrencyShares
        return _DEFAULT_SHARES if said is None else said
    return (spec.exempt.nominalConcurrencyShares or 0) if spec.exempt is not None else 0


def _bounds(level: PriorityLevelConfiguration, nominal: int, total: int) -> Bounds:
    spec = level.spec
    lendable = (spec.limited.lendablePercent if spec.limited is not None else spec.exempt.lendablePercent if spec.exempt else None) or 0
    borrowing = spec.limited.borrowingLimitPercent if spec.limited is not None else None
    most = total if borrowing is None else round(nominal * borrowing / 100)
    return Bounds(nominal, nominal - round(nominal * lendable / 100), nominal + most)
