"""The APIService that puts this server behind the API server."""

from __future__ import annotations

from sagong.api.types.apiregistration import APIService, APIServiceSpec, ServiceReference
from sagong.api.types.meta import ObjectMeta
from sagong.client.client import Client
from sagong.metrics.objects import GROUP, VERSION

API_SERVICE = f"{VERSION}.{GROUP}"
_PRIORITY = 100


async def register(client: Client, service: str) -> None:
    """Apply it. `service` is `namespace/name`; at port 443 it shows a certificate of the cluster's authority. Raises ApiError, OSError."""
    namespace, _, name = service.partition("/")
    spec = APIServiceSpec(
        group=GROUP,
        version=VERSION,
        service=ServiceReference(namespace=namespace, name=name, port=443),
        caBundle=client.config.ca or b"",
        groupPriorityMinimum=_PRIORITY,
        versionPriority=_PRIORITY,
    )
    meta = ObjectMeta(name=API_SERVICE, labels={"k8s-app": name})
    wanted = APIService(apiVersion="apiregistration.k8s.io/v1", kind="APIService", metadata=meta, spec=spec)
    await client.patch(APIService, API_SERVICE, "", wanted, patch_type="apply", field_manager=name, force=True)
