"""Sagong: Kubernetes, whole and real, in Python."""
