"""Passing a request on to the server of its group version, in the name of the user whom this server authenticated."""

from __future__ import annotations

import logging

from sagong.api.errors import ServiceUnavailableError
from sagong.server.aggregation.connections import Connections, identity, is_identity
from sagong.server.aggregation.resolve import ResolveError
from sagong.server.aggregation.services import Backend
from sagong.server.connect.backend import BackendError
from sagong.server.connect.proxying import forward
from sagong.server.contract import User
from sagong.server.messages import TEXT, Answer, Request, Response

log = logging.getLogger(__name__)


async def proxy(asked: Request, user: User, backend: Backend, connections: Connections) -> Answer:
    """Pass it on; whatever keeps it from arriving is 503, in plain text as upstream's aggregator has it."""
    try:
        location = connections.location(backend, asked.raw_path, asked.query_string)
    except ResolveError as error:
        log.warning("%s: %s", backend.name, error)
        return unavailable()
    except OSError as error:  # ssl.SSLError is one
        return Response(f"unable to load root certificates: {error}\n".encode(), 500, TEXT)
    headers = {name: values for name, values in asked.headers.items() if not is_identity(name)}
    headers["host"] = [location.authority]
    for name, value in identity(user):
        headers.setdefault(name.lower(), []).append(value)
    passed = Request(
        asked.method, asked.raw_path + (f"?{asked.query_string}" if asked.query_string else ""), headers, asked.body, asked.peer
    )
    try:
        return await forward(passed, location)
    except (ServiceUnavailableError, BackendError, ValueError) as error:  # ValueError: a name that is no host's
        return Response(f"{error}\n".encode(), 503, TEXT)


def unavailable() -> Response:
    """Return the answer for a server that is known not to answer."""
    return Response(b"service unavailable\n", 503, TEXT)
