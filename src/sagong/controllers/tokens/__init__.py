"""Tokens in Secrets: those of service accounts, as they were before TokenRequest, and those by which nodes join."""
