"""Connect subresources: the API server as a proxy to kubelets, pods, Services and nodes."""
