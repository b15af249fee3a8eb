"""Whole clusters in virtual time, by the harness of the tests: how much CPU a long or hard day takes when nobody waits for anything.

    python -m bench.scale --virtual [--nodes 1000] [--pods 20000] [--seed 1] [--faults] [--skip STEP]...
    python -m bench.scale --day

`--virtual` scales up, updates, drains, loses nodes and deletes the namespace, and fails unless each step comes to rest with nothing made
twice and nothing left over (tests/virtual/convergence.py); `--skip "rolling update"` and the like leave steps out. `--day` is a cron job
that fires each minute for a day.
"""

from __future__ import annotations

import json
import logging
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

from tests.virtual import loop
from tests.virtual.cluster import cluster
from tests.virtual.convergence import Scenario, Size
from tests.virtual.day import MINUTES, a_day
from tests.virtual.faults import Faults
from tests.virtual.test_convergence import TROUBLE

PER_DEPLOYMENT = 1000
SHARE = 50
"""one of so many nodes is drained, one is lost"""


def converge(nodes: int, pods: int, seed: int, *, faults: bool, skipped: Collection[str] = ()) -> None:
    """Run the scenario; print a line for each step."""
    logging.disable(logging.ERROR)
    deployments = max(1, pods // PER_DEPLOYMENT)
    share = max(1, nodes // SHARE)
    size = Size(nodes, deployments, pods // deployments, drained=share, lost=share, restarts=3 if faults else 0)

    async def main() -> None:
        with tempfile.TemporaryDirectory() as directory:
            made = cluster(Path(directory), seed=seed, faults=(lambda random: Faults(TROUBLE, random)) if faults else None)
            async with made as running:
                await Scenario(running, size, told=_tell, skipped=skipped).run()

    loop.run(main())


def _tell(step: object) -> None:
    print(json.dumps({name: getattr(step, name) for name in ("name", "virtual", "cpu")}), flush=True)


def day() -> None:
    """Run a cron job's day; print what it took."""

    async def main() -> None:
        with tempfile.TemporaryDirectory() as directory:
            async with cluster(Path(directory), priority_and_fairness=False) as running:
                began, cpu = time.monotonic(), time.process_time()
                jobs = await a_day(running)
                assert len(jobs.made) == MINUTES
                took = {"seconds": round(time.monotonic() - began, 1), "cpu": round(time.process_time() - cpu, 1)}
                print(json.dumps({"measured": "cron job's day, 1440 jobs", **took}))

    loop.run(main())
