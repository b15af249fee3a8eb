"""ClusterIPs and node ports: handed out when a Service is written, taken back when it goes (KEP-1880, KEP-3070, KEP-3668)."""
