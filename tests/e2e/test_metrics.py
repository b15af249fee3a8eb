"""kubectl top, and an autoscaler that follows it: kubelet, metrics-server, API aggregation and the loop together."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Cluster, eventually

pytestmark = pytest.mark.e2e

BURNER = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: burner, namespace: {namespace}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: burner}}}}
  template:
    metadata: {{labels: {{app: burner}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: main
        image: sagong.local/hello:1.0
        command: [sh, -c, "while :; do :; done"]
        resources: {{requests: {{cpu: 10m}}, limits: {{cpu: 30m}}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: burner, namespace: {namespace}}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: burner}}
  minReplicas: 1
  maxReplicas: 2
  metrics:
  - type: Resource
    resource: {{name: cpu, target: {{type: Utilization, averageUtilization: 50}}}}
"""


def test_what_is_used_is_shown(cluster: Cluster) -> None:
    eventually(lambda: cluster.kubectl("top", "nodes").splitlines()[1].split()[2].endswith("%"), seconds=60)

    def shown() -> list[list[str]]:
        return [line.split() for line in cluster.kubectl("top", "pods", "-n", "kube-system", "--containers").splitlines()[1:]]

    def all_shown() -> bool:
        lines = shown()
        missing = {"kube-apiserver", "kube-scheduler", "coredns"} - {words[1] for words in lines}
        assert not missing, f"no usage of {missing}\n{cluster.kubectl('get', 'pods', '-n', 'kube-system', '-o', 'wide')}"
        service = cluster.get("apiservice", "v1beta1.metrics.k8s.io")
        return service["status"]["conditions"][0]["reason"] == "Passed" and all(words[3].endswith("Mi") for words in lines)

    eventually(all_shown, seconds=60, pause=1)  # a container that is new has no usage before its second measurement


def test_a_workload_grows_with_its_load(cluster: Cluster, namespace: str) -> None:
    cluster.apply(BURNER.format(namespace=namespace))
    eventually(lambda: cluster.get("deployment", "burner", "-n", namespace)["spec"]["replicas"] == 2, seconds=120, pause=1)
    conditions = cluster.get("hpa", "burner", "-n", namespace)["status"]["conditions"]
    assert {one["type"]: one["status"] for one in conditions}["ScalingActive"] == "True"
