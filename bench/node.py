"""How long one pod takes from create to Running, and what an idle cluster uses. Works on any Kubernetes by kubeconfig.

    python bench/node.py --kubeconfig FILE [--image IMAGE] [--pods 10] [--idle-seconds 30] [--processes PATTERN]

Prints JSON. Memory is PSS and CPU is user plus system time, both summed over this machine's processes whose command line matches the
pattern (Sagong's by default; for another Kubernetes give its own, such as 'kube-|etcd|kubelet').
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

SAGONG = r"sagong\.cluster\.|supervisor\.py"
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--image", default="sagong.local/hello:1.0")
    parser.add_argument("--pods", type=int, default=10)
    parser.add_argument("--idle-seconds", type=float, default=30.0)
    parser.add_argument("--processes", default=SAGONG)
    options = parser.parse_args()
    result: dict[str, Any] = {"pod_create_to_running_s": pods(options.kubeconfig, options.image, options.pods)}
    time.sleep(10)
    result |= idle(re.compile(options.processes), options.idle_seconds)
    print(json.dumps(result, indent=2))


def pods(kubeconfig: str, image: str, count: int) -> dict[str, Any]:
    """Create one pod after the other; a watch says when each runs."""
    took = []
    for number in range(count):
        name = f"bench-{number}"
        began = time.monotonic()
        kubectl(kubeconfig, "run", name, f"--image={image}", "--restart=Never")
        kubectl(kubeconfig, "wait", f"pod/{name}", "--for=jsonpath={.status.phase}=Running", "--timeout=60s")
        took.append(time.monotonic() - began)
        kubectl(kubeconfig, "delete", "pod", name, "--grace-period=0", "--force")
        time.sleep(1)
    overhead = kubectl_overhead(kubeconfig)
    return {
        "median": round(statistics.median(took) - overhead, 3),
        "min": round(min(took) - overhead, 3),
        "max": round(max(took) - overhead, 3),
        "kubectl_overhead_subtracted": round(overhead, 3),
    }


def kubectl_overhead(kubeconfig: str) -> float:
    """Return what starting kubectl costs after the pod was created: one process, one request."""
    took = []
    for _ in range(5):
        began = time.monotonic()
        kubectl(kubeconfig, "get", "--raw", "/version")
        took.append(time.monotonic() - began)
    return statistics.median(took)


def idle(pattern: re.Pattern[str], seconds: float) -> dict[str, Any]:
    """Return memory, and the share of one core used over a while."""
    before = {pid: cpu(pid) for pid in matching(pattern)}
    time.sleep(seconds)
    parts: list[dict[str, Any]] = []
    for pid, used in before.items():
        try:
            parts.append({"command": title(pid), "pss_mb": round(pss(pid), 1), "cpu_percent": round((cpu(pid) - used) / seconds * 100, 2)})
        except OSError:
            continue
    return {
        "idle_processes": parts,
        "idle_pss_mb": round(sum(part["pss_mb"] for part in parts), 1),
        "idle_cpu_percent": round(sum(part["cpu_percent"] for part in parts), 2),
    }


def matching(pattern: re.Pattern[str]) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if pattern.search(command(int(entry.name))):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def title(pid: int) -> str:
    return " ".join(word.rsplit("/", 1)[-1] for word in command(pid).split()[:4])


def pss(pid: int) -> float:
    line = next(line for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() if line.startswith("Pss:"))
    return int(line.split()[1]) / 1024


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def kubectl(kubeconfig: str, *arguments: str) -> None:
    subprocess.run(["kubectl", f"--kubeconfig={kubeconfig}", *arguments], check=True, capture_output=True)


if __name__ == "__main__":
    main()
