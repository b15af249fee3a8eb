"""What a Service means on a node: the table, the packet rules, the cluster DNS."""
