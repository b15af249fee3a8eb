"""The kubelet: observe, decide, act."""
