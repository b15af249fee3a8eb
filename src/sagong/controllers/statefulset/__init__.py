"""statefulset: pods with names and volumes of their own, started, stopped and updated in order."""
