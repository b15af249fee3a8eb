"""The authorizer that the server's settings ask for."""

from __future__ import annotations

from sagong.server.authz.authorizer import ChainAuthorizer
from sagong.server.config import ServerConfig
from sagong.server.contract import Authorizer
from sagong.server.registry.registry import Registry
from sagong.server.webhooks.client import WebhookClient

_DEFAULT = ["Node", "RBAC"]


def authorizer_of(config: ServerConfig, registry: Registry, client: WebhookClient, chain: ChainAuthorizer) -> Authorizer:
    """Return it. Raises OSError, ValueError for configuration files that cannot be used."""
    if not config.authorization_config and config.authorization_modes == _DEFAULT:
        return chain
    from sagong.server.authz.configured import configured  # noqa: PLC0415 - few servers are configured so

    return configured(config, registry, client, chain)
