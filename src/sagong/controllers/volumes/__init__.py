"""Persistent volumes: binding claims to them, protecting both from deletion while in use, claims for ephemeral volumes."""
