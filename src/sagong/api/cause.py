"""The cause id: what a request or a reconcile was made for. It crosses components in a request header."""

from __future__ import annotations

from contextvars import ContextVar

HEADER = "Sagong-Cause"

cause_id: ContextVar[str] = ContextVar("cause_id", default="")
