"""horizontal-pod-autoscaler: keeps a workload as large as its metrics ask for (autoscaling/v2)."""
