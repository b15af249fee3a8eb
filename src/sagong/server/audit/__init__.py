"""The audit: who did what, when, and what became of it. Everything here is imported by servers that audit only."""
