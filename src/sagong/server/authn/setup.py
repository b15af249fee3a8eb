"""The authentication that the server's settings ask for."""

from __future__ import annotations

from pathlib import Path

from sagong.server.authn.certificates import Certificates
from sagong.server.authn.chain import Authentication
from sagong.server.authn.jwt import SigningKey
from sagong.server.authn.proxy_headers import ProxyHeaders
from sagong.server.authn.service_accounts import ServiceAccountTokens
from sagong.server.authn.tokens import BootstrapTokens, TokenFile, TokenKind
from sagong.server.config import ServerConfig
from sagong.server.registry.registry import Registry
from sagong.server.reloading import ReloadedFile
from sagong.server.webhooks.client import WebhookClient


def authentication_of(
    config: ServerConfig, registry: Registry, client: WebhookClient, key: SigningKey | None, reloaded: list[ReloadedFile]
) -> Authentication:
    """Return it, in upstream's order; the files that it follows are added to `reloaded`.

    Raises OSError, ValueError for files that cannot be used.
    """
    store, clock, audiences = registry.store, registry.clock, config.audiences
    own: list[TokenKind] = [TokenFile(Path(config.token_file), audiences)] if config.token_file else []
    if key is not None:
        issuers = [config.service_account_issuer]
        own.append(ServiceAccountTokens(store, clock, keys=[key.verification], issuers=issuers, api_audiences=audiences))
    own.append(BootstrapTokens(store, clock, audiences))
    certificates = Certificates(clock, client_ca=_read(config.client_ca), proxy_ca=_read(config.front_proxy_ca))
    proxy = ProxyHeaders(tuple(config.front_proxy_names)) if config.front_proxy_ca else None
    authentication = Authentication(certificates, own, audiences, proxy, None if config.anonymous else ())
    if config.authentication_config or config.oidc is not None or config.authentication_webhook:
        from sagong.server.authn.configured import token_kinds  # noqa: PLC0415 - few servers are configured so

        def configure() -> None:
            more, anonymous = token_kinds(config, client, clock)
            authentication.tokens, authentication.anonymous_paths = [*own, *more], anonymous

        configure()
        if config.authentication_config:
            reloaded.append(ReloadedFile(config.authentication_config, clock, configure, "authentication"))
    return authentication


def _read(path: str) -> bytes:
    return Path(path).read_bytes() if path else b""
