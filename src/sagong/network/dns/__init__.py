"""Cluster DNS: codec and answers."""
