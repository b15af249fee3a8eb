"""Calls out of the API server: admission, conversion, tokens, authorization, wherever somebody else is asked over HTTPS."""
