"""Graceful node shutdown (KEP-2000, KEP-2712): logind tells that the machine goes down, pods end in the order of their priority."""
