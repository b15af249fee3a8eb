"""What the kubelet's parts count of their work, one module a part; node/meter.py puts them together."""
