"""The kubelet's HTTPS server: logs, exec, attach, port-forward, pods, statistics (port 10250)."""
