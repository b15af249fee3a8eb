"""What an APIService says, as the server needs it: which group version, in which order, served by whom."""

from __future__ import annotations

from msgspec import Struct

from sagong.api.types.apiregistration import APIService, APIServiceCondition

AVAILABLE = "Available"
PREFIX = "/registry/apiregistration.k8s.io/apiservices/"
DEFAULT_PORT = 443

GroupVersion = tuple[str, str]


class Backend(Struct, frozen=True):
    """The server behind one group version. Equal ones need no new connection settings."""

    name: str
    group: str
    version: str
    namespace: str
    service: str
    port: int
    ca_bundle: bytes = b""
    insecure: bool = False

    @property
    def server_name(self) -> str:
        """The name that its certificate must have."""
        return f"{self.service}.{self.namespace}.svc"

    @property
    def path(self) -> str:
        """Where its discovery document is."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"


def backend_of(api_service: APIService) -> Backend | None:
    """Return who serves it; None: this server."""
    spec = api_service.spec
    if spec.service is None:
        return None
    return Backend(
        api_service.metadata.name,
        spec.group,
        spec.version,
        spec.service.namespace,
        spec.service.name,
        spec.service.port or DEFAULT_PORT,
        spec.caBundle,
        spec.insecureSkipTLSVerify,
    )


def available(api_service: APIService) -> bool:
    """Tell whether its condition Available is true."""
    return any(condition.type == AVAILABLE and condition.status == "True" for condition in api_service.status.conditions)


def with_condition(api_service: APIService, found: APIServiceCondition) -> APIService:
    """Return a copy with the condition; the time of its last transition stays while its status does."""
    new = api_service.copy()
    for i, old in enumerate(new.status.conditions):
        if old.type == found.type:
            if old.status == found.status:
                found.lastTransitionTime = old.lastTransitionTime
            new.status.conditions[i] = found
            return new
    new.status.conditions.append(found)
    return new
