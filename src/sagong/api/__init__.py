"""The contract of the Kubernetes API, pure: no I/O, no clock, no randomness."""
