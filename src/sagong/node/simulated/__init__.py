"""Nodes without machines: the kubelet's own life cycle of pods over a runtime that only remembers what would run."""
