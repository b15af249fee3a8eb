"""job: runs pods to completion, counting each exactly once."""
