"""API aggregation: group versions that another server serves, behind this one (APIService objects)."""
