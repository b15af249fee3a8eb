"""What a pod mounts, one file per kind of volume."""
