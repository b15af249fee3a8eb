"""daemonset: one pod of a template on every node that fits it."""
