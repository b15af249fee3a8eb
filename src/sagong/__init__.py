"""Sagong: Kubernetes, whole and real, in Python."""

__version__ = "0.1.0"
