"""NetworkPolicy: who may talk to a pod of this node, and to whom it may talk."""
