"""Custom resources served: definitions become rows of the resource table, their objects pass the generic verbs as dicts."""
