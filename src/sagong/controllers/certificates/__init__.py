"""Certificate signing requests: approving what nodes may ask for, signing what is approved, forgetting what is old."""
