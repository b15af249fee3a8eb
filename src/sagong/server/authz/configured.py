"""Authorizers as a configuration file, or the settings that stand for one, names them."""

from __future__ import annotations

from sagong.api.field_errors import text
from sagong.api.go_values import parse_duration
from sagong.server.authn.authentication_config import ConfigurationError
from sagong.server.authz.authorizer import ChainAuthorizer
from sagong.server.authz.configuration import (
    AuthorizationConfiguration,
    AuthorizerConfiguration,
    ConnectionInfo,
    WebhookConfiguration,
    load,
    validate,
)
from sagong.server.authz.decisions import Counted
from sagong.server.authz.modes import merged
from sagong.server.authz.webhook import Condition, WebhookAuthorizer, WebhookSettings
from sagong.server.config import ServerConfig
from sagong.server.contract import Authorizer
from sagong.server.registry.registry import Registry
from sagong.server.webhooks.client import EndpointError, WebhookClient
from sagong.server.webhooks.kubeconfig import endpoint_of_kubeconfig


def configured(config: ServerConfig, registry: Registry, client: WebhookClient, chain: ChainAuthorizer) -> Authorizer:
    """Return the authorizer. Raises OSError, ConfigurationError."""
    if config.authorization_config:
        wanted = load(config.authorization_config)
    else:
        wanted = _of_settings(config)
        if causes := validate(wanted):
            raise ConfigurationError(text(causes))
    chain.decisions.names = {entry.type: entry.name for entry in wanted.authorizers if entry.webhook is None}
    chain.rbac.partial = "webhook" if any(entry.webhook for entry in wanted.authorizers) else ""
    modes: list[str | Authorizer] = [
        entry.type if entry.webhook is None else Counted(_webhook(entry.webhook, registry, client), entry.type, entry.name, chain.decisions)
        for entry in wanted.authorizers
    ]
    return merged(modes, chain)


def _of_settings(config: ServerConfig) -> AuthorizationConfiguration:
    """Return the configuration that upstream's flags amount to."""
    webhook = WebhookConfiguration(
        authorizedTTL=config.authorization_webhook_authorized_ttl,
        unauthorizedTTL=config.authorization_webhook_unauthorized_ttl,
        timeout="30s",
        subjectAccessReviewVersion="v1",
        failurePolicy="NoOpinion",
        connectionInfo=ConnectionInfo(type="KubeConfigFile", kubeConfigFile=config.authorization_webhook),
    )
    authorizers = [
        AuthorizerConfiguration(type=mode, name=mode.lower(), webhook=webhook if mode == "Webhook" else None)
        for mode in config.authorization_modes
    ]
    return AuthorizationConfiguration(apiVersion="", kind="", authorizers=authorizers)


def _conditions(webhook: WebhookConfiguration) -> tuple[Condition, ...]:
    if not webhook.matchConditions:
        return ()
    from sagong.server.authz.conditions import condition_of  # noqa: PLC0415 - CEL comes with the first condition

    return tuple(condition_of(condition.expression) for condition in webhook.matchConditions)


def _webhook(webhook: WebhookConfiguration, registry: Registry, client: WebhookClient) -> WebhookAuthorizer:
    if webhook.connectionInfo.kubeConfigFile is None:
        raise ConfigurationError("connectionInfo.type InClusterConfig: this server does not run in a cluster of others")
    try:
        endpoint = endpoint_of_kubeconfig(webhook.connectionInfo.kubeConfigFile)
    except EndpointError as error:
        raise ConfigurationError(str(error)) from error
    settings = WebhookSettings(
        authorized_ttl=parse_duration(webhook.authorizedTTL) if webhook.cacheAuthorizedRequests else 0,
        unauthorized_ttl=parse_duration(webhook.unauthorizedTTL) if webhook.cacheUnauthorizedRequests else 0,
        timeout=max(int(parse_duration(webhook.timeout)), 1),
        version=webhook.subjectAccessReviewVersion,
        denies_on_error=webhook.failurePolicy == "Deny",
        conditions=_conditions(webhook),
    )
    return WebhookAuthorizer(endpoint, client, registry.clock, settings)
