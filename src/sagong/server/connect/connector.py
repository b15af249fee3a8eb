"""The Connector of the server: which function serves which connect subresource."""

from __future__ import annotations

from msgspec import structs

from sagong.api.clock import Random
from sagong.api.errors import ApiError, BadRequestError, MethodNotAllowedError
from sagong.api.types.base import ApiStruct
from sagong.api.types.core import Node, Pod, Service
from sagong.server.authz.authorizer import forbidden_error
from sagong.server.connect.backend import Location, query
from sagong.server.connect.logs import log
from sagong.server.connect.proxying import forward, upgrade
from sagong.server.connect.targets import Reader, Targets, container_of, split_name
from sagong.server.connect.tls import TlsSides
from sagong.server.contract import Attributes, Authorizer
from sagong.server.messages import Answer, Request

_STREAM_FLAGS = {"stdin": "input", "stdout": "output", "stderr": "error", "tty": "tty"}


class KubeletConnector:
    """Serves pods log, exec, attach, portforward and proxy; services and nodes proxy."""

    def __init__(self, objects: Reader, authorizer: Authorizer, tls: TlsSides, random: Random) -> None:
        """Take the TLS sides from `tls_sides`."""
        self._targets = Targets(objects, tls, random)
        self._authorizer = authorizer

    async def connect(self, request: Request, attributes: Attributes, parent: ApiStruct, path: str) -> Answer:
        """Serve one request; `path` is what follows `/proxy`. Raises ApiError."""
        if request.flag("dryRun"):
            raise BadRequestError("dryRun is not supported")
        if attributes.subresource == "proxy":
            return await forward(request, self._proxied(request, attributes, parent, path))
        if not isinstance(parent, Pod):
            raise MethodNotAllowedError("the server does not allow this method on the requested resource")
        if attributes.subresource == "log":
            return await log(request, parent, self._targets)
        await self._check_create(attributes)
        return await upgrade(request, self._stream(request, attributes.subresource, parent))

    def _proxied(self, request: Request, attributes: Attributes, parent: ApiStruct, path: str) -> Location:
        kind = {"pods": "pod", "services": "service", "nodes": "node"}.get(attributes.resource, "")
        name = split_name(attributes.name, kind)
        inner = f"/{path.lstrip('/')}" if path else ""
        if not inner and request.raw_path.endswith("/"):
            inner = "/"
        if isinstance(parent, Pod):
            return self._targets.pod(parent, name, inner, request.query_string)
        if isinstance(parent, Service):
            return self._targets.service(parent, name, inner, request.query_string)
        if isinstance(parent, Node):
            return self._targets.node(parent, name, inner, request.query_string)
        raise ApiError(f"Internal error occurred: {attributes.resource} cannot be proxied")

    def _stream(self, request: Request, subresource: str, pod: Pod) -> Location:
        namespace, name = pod.metadata.namespace, pod.metadata.name
        if subresource == "portforward":
            path = f"/portForward/{namespace}/{name}"
            ports = ",".join(request.query.get("ports", ()))
            options = [("port", ports)] if ports else []
        else:
            path = f"/{subresource}/{namespace}/{name}/{container_of(pod, request.param('container'))}"
            options = [(theirs, "1") for ours, theirs in _STREAM_FLAGS.items() if request.flag(ours)]
            options += [("command", word) for word in request.query.get("command", ())]
        if not pod.spec.nodeName:
            raise BadRequestError(f"pod {name} does not have a host assigned")
        return self._targets.kubelet(pod.spec.nodeName, path, query(options))

    async def _check_create(self, attributes: Attributes) -> None:
        """Ask for `create` also where a WebSocket client comes with GET: running a command is no reading."""
        if attributes.verb == "create":
            return
        asked = structs.replace(attributes, verb="create")
        decision = await self._authorizer.authorize(asked)
        if not decision.allowed:
            raise forbidden_error(asked, decision.reason)
