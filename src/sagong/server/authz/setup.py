"""The authorizer that the server's settings ask for."""

from __future__ import annotations

from msgspec import Struct

from sagong.server.authz.authorizer import ChainAuthorizer
from sagong.server.config import ServerConfig
from sagong.server.contract import Attributes, Authorizer, Decision
from sagong.server.registry.registry import Registry
from sagong.server.reloading import ReloadedFile
from sagong.server.webhooks.client import WebhookClient

_DEFAULT = ["Node", "RBAC"]


class Current(Struct):
    """The authorizer that the file asks for now."""

    authorizer: Authorizer

    async def authorize(self, attributes: Attributes) -> Decision:
        """Decide."""
        return await self.authorizer.authorize(attributes)


def authorizer_of(
    config: ServerConfig, registry: Registry, client: WebhookClient, chain: ChainAuthorizer, reloaded: list[ReloadedFile]
) -> Authorizer:
    """Return it; the file that it follows is added to `reloaded`. Raises OSError, ValueError for files that are of no use."""
    if not config.authorization_config and config.authorization_modes == _DEFAULT:
        return chain
    from sagong.server.authz.configured import configured  # noqa: PLC0415 - few servers are configured so

    authorizer = configured(config, registry, client, chain)
    if not config.authorization_config:
        return authorizer
    current = Current(authorizer)

    def configure() -> None:
        current.authorizer = configured(config, registry, client, chain)

    reloaded.append(ReloadedFile(config.authorization_config, registry.clock, configure, "authorization"))
    return current
