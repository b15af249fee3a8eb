"""The revisioned key-value log behind the API server."""
