"""node-lifecycle: says so when a node has gone silent, taints troubled nodes, and keeps their labels in step."""
