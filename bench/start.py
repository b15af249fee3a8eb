"""How long a cluster takes from the command to all of kube-system Running, images in place.

    python bench/start.py [--runs 5]

Starts, stops and starts a cluster in a directory of its own (root, default ports), prints JSON, removes it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    first, again = [], []
    for _ in range(options.runs):
        with tempfile.TemporaryDirectory() as directory:
            environment = {**os.environ, "SAGONG_DATA_DIR": f"{directory}/data", "KUBECONFIG": f"{directory}/kubeconfig"}
            try:
                first.append(timed(environment, "start"))
                timed(environment, "stop")
                again.append(timed(environment, "start"))
            finally:
                timed(environment, "delete")
    print(json.dumps({"first_start_s": summary(first), "start_again_s": summary(again)}, indent=2))


def timed(environment: dict[str, str], verb: str) -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-P", "-m", "sagong.cluster.main", verb], check=True, env=environment, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def summary(values: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(values), 2), "min": round(min(values), 2), "max": round(max(values), 2)}


if __name__ == "__main__":
    main()
