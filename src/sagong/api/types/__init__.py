"""The Kubernetes types, one module for each API group version."""
