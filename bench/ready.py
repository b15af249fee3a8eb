"""How long an API server takes from the start of its process, with an empty store, to the first 200 on /readyz.

    python bench/ready.py [--runs 5]

Prints JSON.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from sagong.cluster import certificates, component_configs
from sagong.cluster.clock import RealClock
from sagong.cluster.config import ClusterConfig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    took = [one_start() for _ in range(options.runs)]
    print(json.dumps({"ready_s": {"median": round(statistics.median(took), 3), "min": round(min(took), 3), "max": round(max(took), 3)}}))


def one_start() -> float:
    with tempfile.TemporaryDirectory() as directory, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        cluster = ClusterConfig(node_name="bench", node_ip="127.0.0.1", data_dir=directory, api_port=probe.getsockname()[1])
        probe.close()
        Path(directory, "store").mkdir()
        certificates.ensure(cluster, RealClock().now())
        file = Path(directory, "apiserver.json")
        file.write_bytes(msgspec.json.encode(component_configs.apiserver(cluster)))
        began = time.monotonic()
        command = [sys.executable, "-P", "-m", "sagong.cluster.apiserver", "--config", str(file)]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            while not ready(cluster.api_port, f"{directory}/pki"):
                if process.poll() is not None:
                    raise SystemExit(f"the server ended with {process.returncode}")
                if time.monotonic() - began > 60:
                    raise SystemExit("the server did not become ready within 60 s")
                time.sleep(0.005)
            return time.monotonic() - began
        finally:
            process.terminate()
            process.wait()


def ready(port: int, pki: str) -> bool:
    context = ssl.create_default_context(cafile=f"{pki}/ca.crt")
    context.load_cert_chain(f"{pki}/admin.crt", f"{pki}/admin.key")
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    main()
