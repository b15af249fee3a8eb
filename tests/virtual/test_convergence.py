"""Whatever goes wrong on the way, a cluster comes to rest as it should be, and nothing is done twice. Replay a failure with its seed."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from tests.virtual import loop
from tests.virtual.cluster import cluster
from tests.virtual.convergence import Scenario, Size
from tests.virtual.faults import Faults, Rates

TROUBLE = Rates(
    conflicts=0.05,
    too_many=0.03,
    errors=0.03,
    unavailable=0.02,
    unreachable=0.02,
    watch_cuts=0.02,
    watch_gone=0.005,
    slow=3.0,
    slow_share=0.05,
)
SEEDS = (1, 2, 3)


async def scenario(directory: Path, seed: int, size: Size, rates: Rates | None) -> Scenario:
    async with cluster(directory, seed=seed, faults=(lambda random: Faults(rates, random)) if rates else None) as made:
        wanted = Scenario(made, size)
        await wanted.run()
        if rates is not None:
            assert made.faults is not None
            assert {"409", "429", "500", "503", "410", "unreachable", "watch cut", "slow"} == set(made.faults.counts)
        return wanted


@pytest.mark.parametrize("seed", SEEDS)
def test_under_faults(tmp_path: Path, seed: int) -> None:
    logging.disable(logging.ERROR)  # what is refused is logged, and there is much of it
    try:
        loop.run(scenario(tmp_path, seed, Size(nodes=6, deployments=2, replicas=10, restarts=3), TROUBLE))
    finally:
        logging.disable(logging.NOTSET)
