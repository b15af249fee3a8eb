"""The parts plugged into the server: who asks, may they, addresses, nodes, the server's own objects and loops."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path

from msgspec import Struct

from sagong.api.clock import Random
from sagong.api.types.authentication import TokenReview
from sagong.api.types.base import ApiStruct
from sagong.server import reloading
from sagong.server.admission.chain import Chain
from sagong.server.admission.plugin import Plugin
from sagong.server.aggregation.resolve import Resolver
from sagong.server.allocators.services import Allocator, AllocatorConfig
from sagong.server.authn.chain import Authentication
from sagong.server.authn.discovery import CONFIGURATION_PATH, JWKS_PATH, TokenDiscovery
from sagong.server.authn.issuer import TokenIssuer
from sagong.server.authn.jwt import signing_key
from sagong.server.authn.setup import authentication_of
from sagong.server.authz.authorizer import ChainAuthorizer
from sagong.server.authz.setup import authorizer_of
from sagong.server.bootstrap.authentication_config import RequestHeaderConfig
from sagong.server.bootstrap.objects import BootstrapConfig
from sagong.server.bootstrap.start import Bootstrap
from sagong.server.config import ServerConfig
from sagong.server.connect.tls import TlsSides, tls_sides
from sagong.server.contract import Attributes, Authenticator, Authorizer, Connector, Objects
from sagong.server.dispatch import Page
from sagong.server.event_ttl import expire_events
from sagong.server.messages import Answer, Request
from sagong.server.pipeline import Auditor
from sagong.server.registry.registry import Registry
from sagong.server.reloading import ReloadedFile
from sagong.server.webhooks.client import WebhookClient
from sagong.server.webhooks.resolver import Services
from sagong.store.compactor import compact_regularly


class Parts(Struct, frozen=True):
    """What the pipeline asks first, and what runs beside it."""

    authenticator: Authenticator
    authorizer: Authorizer
    bootstrap: Bootstrap
    loops: Sequence[Callable[[], Coroutine[None, None, None]]]


def plug(config: ServerConfig, registry: Registry, objects: Objects, pages: dict[str, Page], resolver: Resolver) -> Parts:
    """Make the parts and plug them into the registry. Raises OSError, ValueError for files that cannot be used.

    What only some requests need is imported by the first of them, or beside the first requests (`serving.warm`).
    """
    store, clock, random = registry.store, registry.clock, registry.random
    key = signing_key(_read(config.service_account_key)) if config.service_account_key else None
    webhooks = registry.webhooks = WebhookClient(Services(resolver, ("127.0.0.1", config.port)), clock)
    reloaded: list[ReloadedFile] = []
    authentication = authentication_of(config, registry, webhooks, key, reloaded)
    chain = ChainAuthorizer(store)
    authorizer = authorizer_of(config, registry, webhooks, chain, reloaded)
    first, _, last = config.node_ports.partition("-")
    allocator = Allocator(store, AllocatorConfig(config.service_cidrs, (int(first), int(last))), clock=clock, random=random)
    registry.authorizer, registry.rules, registry.allocator = authorizer, chain.rbac, allocator
    registry.tokens = _Reviewer(authentication)
    tls = tls_sides(config.kubelet_ca, config.kubelet_certificate, config.kubelet_key)
    registry.connector = _Connector(objects, authorizer, tls, random)
    if key is not None:
        registry.issuer = TokenIssuer(
            objects, key=key, issuer=config.service_account_issuer, api_audiences=config.audiences, clock=clock, random=random
        )
        address = f"{config.advertise_address}:{config.port}"
        documents = TokenDiscovery(config.service_account_issuer, [key.verification], external_address=address)
        pages[CONFIGURATION_PATH] = lambda _: documents.configuration()
        pages[JWKS_PATH] = lambda _: documents.keys()

    def admission() -> Sequence[Plugin]:
        from sagong.server.admission import plugins  # noqa: PLC0415 - see above

        return plugins.in_order(objects, registry, authorizer, chain.rbac, config.kubelet_labels)

    registry.admission = Chain(admission, clock)
    registry.families += [
        registry.admission.metrics.families,
        chain.decisions.families,
        lambda: (authentication.certificates.remaining,),
        lambda: reloading.families(reloaded, f"{config.advertise_address}:{config.port}"),
    ]
    bootstrap = Bootstrap(_bootstrap_config(config), store, clock=clock, random=random)
    loops = (
        bootstrap.run,
        allocator.run,
        webhooks.run,
        *(file.run for file in reloaded),
        lambda: expire_events(store, clock),
        lambda: compact_regularly(store, clock),
    )
    return Parts(authentication, authorizer, bootstrap, loops)


class _Connector(Struct):
    """A KubeletConnector, made with the first request that needs it."""

    objects: Objects
    authorizer: Authorizer
    tls: TlsSides
    random: Random
    made: Connector | None = None

    async def connect(self, request: Request, attributes: Attributes, parent: ApiStruct, path: str) -> Answer:
        if self.made is None:
            from sagong.server.connect.connector import KubeletConnector  # noqa: PLC0415 - see `plug`

            self.made = KubeletConnector(self.objects, self.authorizer, self.tls, self.random)
        return await self.made.connect(request, attributes, parent, path)


class _Reviewer(Struct, frozen=True):
    authentication: Authentication

    async def review_token(self, review: TokenReview) -> TokenReview:
        from sagong.server.authn import reviews  # noqa: PLC0415 - see `plug`

        return await reviews.review_token(review, self.authentication)


def _bootstrap_config(config: ServerConfig) -> BootstrapConfig:
    proxy = None
    if config.front_proxy_ca:
        proxy = RequestHeaderConfig(_read(config.front_proxy_ca).decode(), config.front_proxy_names)
    return BootstrapConfig(
        service_cidrs=config.service_cidrs,
        advertise_address=config.advertise_address,
        port=config.port,
        client_ca=_read(config.client_ca).decode(),
        request_header=proxy,
    )


def audit_of(config: ServerConfig, registry: Registry) -> tuple[Auditor | None, Sequence[Callable[[], Coroutine[None, None, None]]]]:
    """Return who keeps records of requests, if anybody is to, and what runs beside. Raises OSError, ValueError."""
    if not config.audit_policy:
        return None, ()
    from sagong.server.audit import audit  # noqa: PLC0415 - for servers that audit only

    assert registry.webhooks is not None
    auditor, loops = audit.plug(config, registry.table, registry.webhooks, registry.clock)
    registry.families.append(auditor.families)
    return auditor, loops


def _read(path: str) -> bytes:
    return Path(path).read_bytes() if path else b""
