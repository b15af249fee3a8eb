"""metrics-server: what nodes and pods use now, scraped from the kubelets and served as the API group metrics.k8s.io."""
