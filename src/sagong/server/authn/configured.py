"""Token authenticators that are not there by default: identity providers, and a webhook."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sagong.api.clock import Clock
from sagong.api.field_errors import text
from sagong.api.go_values import parse_duration
from sagong.server.authn.authentication_config import (
    AuthenticationConfiguration,
    ClaimMappings,
    ClaimValidationRule,
    ConfigurationError,
    IssuerConfig,
    JwtAuthenticator,
    PrefixedClaim,
    load,
    validate,
)
from sagong.server.authn.jwk import ALGORITHMS
from sagong.server.authn.oidc import OidcTokens
from sagong.server.authn.tokens import TokenKind
from sagong.server.authn.webhook_tokens import WebhookTokens
from sagong.server.config import OidcConfig, ServerConfig
from sagong.server.webhooks.client import EndpointError, WebhookClient
from sagong.server.webhooks.kubeconfig import endpoint_of_kubeconfig

_API = "apiserver.config.k8s.io/v1"


def token_kinds(config: ServerConfig, client: WebhookClient, clock: Clock) -> tuple[list[TokenKind], Sequence[str] | None]:
    """Return the kinds of tokens, and the paths that need no credentials (None: any). Raises OSError, ConfigurationError."""
    configuration, algorithms = _configuration(config)
    kinds: list[TokenKind] = [OidcTokens(jwt, algorithms, client, clock, config.audiences) for jwt in configuration.jwt]
    if config.authentication_webhook:
        try:
            endpoint = endpoint_of_kubeconfig(config.authentication_webhook)
            ttl = parse_duration(config.authentication_webhook_cache_ttl)
        except (EndpointError, ValueError) as error:
            raise ConfigurationError(str(error)) from error
        kinds.append(WebhookTokens(endpoint, client, clock, ttl=ttl, api_audiences=config.audiences))
    anonymous = configuration.anonymous
    if anonymous is None:
        return kinds, None if config.anonymous else ()
    if not anonymous.enabled:
        return kinds, ()
    return kinds, [condition.path for condition in anonymous.conditions] or None


def _configuration(config: ServerConfig) -> tuple[AuthenticationConfiguration, Sequence[str]]:
    own = [config.service_account_issuer]
    if config.authentication_config:
        if config.oidc is not None:
            raise ConfigurationError("authentication_config and oidc are mutually exclusive")
        return load(config.authentication_config, own), ALGORITHMS
    if config.oidc is None:
        return AuthenticationConfiguration(apiVersion=_API, kind="AuthenticationConfiguration"), ()
    configuration = AuthenticationConfiguration(apiVersion=_API, kind="AuthenticationConfiguration", jwt=[_of_flags(config.oidc)])
    if causes := validate(configuration, own):
        raise ConfigurationError(text(causes))
    if unknown := [name for name in config.oidc.signing_algs if name not in ALGORITHMS]:
        raise ConfigurationError(f'oidc: unsupported signing alg: "{unknown[0]}"')
    return configuration, config.oidc.signing_algs


def _of_flags(oidc: OidcConfig) -> JwtAuthenticator:
    prefix = oidc.username_prefix
    if not prefix and oidc.username_claim != "email":
        prefix = f"{oidc.issuer_url}#"
    username = PrefixedClaim(claim=oidc.username_claim, prefix="" if prefix == "-" else prefix)
    groups = PrefixedClaim(claim=oidc.groups_claim, prefix=oidc.groups_prefix) if oidc.groups_claim else PrefixedClaim()
    return JwtAuthenticator(
        issuer=IssuerConfig(
            url=oidc.issuer_url, audiences=[oidc.client_id], certificateAuthority=Path(oidc.ca).read_text() if oidc.ca else ""
        ),
        claimMappings=ClaimMappings(username=username, groups=groups),
        claimValidationRules=[ClaimValidationRule(claim=name, requiredValue=value) for name, value in oidc.required_claims.items()],
    )
