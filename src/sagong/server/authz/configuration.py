"""AuthorizationConfiguration (apiserver.config.k8s.io/v1): which authorizers are asked, in which order, and the webhooks among them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from sagong.api import names
from sagong.api.errors import Cause
from sagong.api.field_errors import Errors, text
from sagong.api.go_values import parse_duration
from sagong.server.authn.authentication_config import ConfigurationError, read_configuration

MODES = ("ABAC", "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook")
_LONGEST, _MOST_CONDITIONS = 30.0, 64
_POLICIES, _CONNECTIONS = ("NoOpinion", "Deny"), ("InClusterConfig", "KubeConfigFile")


class _Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A part of the configuration: unknown fields are refused."""


class ConnectionInfo(_Strict):
    """How the webhook is reached."""

    type: str = ""
    kubeConfigFile: str | None = None


class MatchCondition(_Strict):
    """An expression about the SubjectAccessReview's spec, as `request`."""

    expression: str = ""


class WebhookConfiguration(_Strict):
    """One webhook; durations as Go writes them."""

    authorizedTTL: str = "5m"
    cacheAuthorizedRequests: bool = True
    unauthorizedTTL: str = "30s"
    cacheUnauthorizedRequests: bool = True
    timeout: str = ""
    subjectAccessReviewVersion: str = ""
    matchConditionSubjectAccessReviewVersion: str = ""
    failurePolicy: str = ""
    connectionInfo: ConnectionInfo = msgspec.field(default_factory=ConnectionInfo)
    matchConditions: list[MatchCondition] = []


class AuthorizerConfiguration(_Strict):
    """One authorizer."""

    type: str = ""
    name: str = ""
    webhook: WebhookConfiguration | None = None


class AuthorizationConfiguration(_Strict):
    """The whole file."""

    apiVersion: str
    kind: str
    authorizers: list[AuthorizerConfiguration] = []


def load(path: str) -> AuthorizationConfiguration:
    """Read a file, YAML or JSON. Raises OSError, ConfigurationError."""
    configuration: AuthorizationConfiguration = read_configuration(path, AuthorizationConfiguration)
    if causes := validate(configuration):
        raise ConfigurationError(f"{path}: {text(causes)}")
    return configuration


def validate(configuration: AuthorizationConfiguration) -> Sequence[Cause]:
    """Return everything that is wrong."""
    errors = Errors()
    if not configuration.authorizers:
        errors.required("authorizers", "at least one authorization mode must be defined")
    types: set[str] = set()
    used: set[str] = set()
    for index, authorizer in enumerate(configuration.authorizers):
        path = f"authorizers[{index}]"
        if not authorizer.type:
            errors.required(f"{path}.type")
        elif authorizer.type not in MODES or authorizer.type == "ABAC":
            errors.not_supported(f"{path}.type", authorizer.type, [mode for mode in MODES if mode != "ABAC"])
        elif authorizer.type in types and authorizer.type != "Webhook":
            errors.duplicate(f"{path}.type", authorizer.type)
        else:
            _name(errors, f"{path}.name", authorizer.name, used)
            _webhook_or_none(errors, path, authorizer)
        types.add(authorizer.type)
        used.add(authorizer.name)
    return errors


def _name(errors: Errors, path: str, name: str, used: set[str]) -> None:
    if not name:
        errors.required(path)
    elif name in used:
        errors.duplicate(path, name)
    elif complaints := names.dns1123_subdomain(name):
        errors.invalid(path, name, f"authorizer name is invalid: {', '.join(complaints)}")


def _webhook_or_none(errors: Errors, path: str, authorizer: AuthorizerConfiguration) -> None:
    webhook = authorizer.webhook
    if authorizer.type != "Webhook":
        if webhook is not None:
            errors.invalid(f"{path}.webhook", "non-null", "may only be specified when type=Webhook")
    elif webhook is None:
        errors.required(f"{path}.webhook", "required when type=Webhook")
    else:
        _webhook(errors, path, webhook)


def _webhook(errors: Errors, path: str, webhook: WebhookConfiguration) -> None:
    for field, most in (("timeout", _LONGEST), ("authorizedTTL", float("inf")), ("unauthorizedTTL", float("inf"))):
        _duration(errors, f"{path}.{field}", getattr(webhook, field), most)
    _choice(errors, f"{path}.subjectAccessReviewVersion", webhook.subjectAccessReviewVersion, ("v1", "v1beta1"))
    version, at = webhook.matchConditionSubjectAccessReviewVersion, f"{path}.matchConditionSubjectAccessReviewVersion"
    if version:
        _choice(errors, at, version, ("v1",))
    elif webhook.matchConditions:
        errors.required(at, "required if match conditions are specified")
    _choice(errors, f"{path}.failurePolicy", webhook.failurePolicy, _POLICIES)
    _connection(errors, f"{path}.connectionInfo", webhook.connectionInfo)
    if len(webhook.matchConditions) > _MOST_CONDITIONS:
        errors.too_many(f"{path}.matchConditions", len(webhook.matchConditions), _MOST_CONDITIONS)
    seen: set[str] = set()
    for index, condition in enumerate(webhook.matchConditions):
        if not condition.expression.strip():
            errors.required(f"{path}.matchConditions[{index}].expression")
        elif complaint := _complaint(condition.expression):
            errors.invalid(f"{path}.matchConditions[{index}].expression", condition.expression, complaint)
        elif condition.expression in seen:
            errors.duplicate(f"{path}.matchConditions[{index}].expression", condition.expression)
        seen.add(condition.expression)


def _complaint(expression: str) -> str:
    from sagong.server.authz.conditions import condition_of  # noqa: PLC0415 - CEL comes with the first condition

    try:
        condition_of(expression)
    except ValueError as error:
        return str(error)
    return ""


def _duration(errors: Errors, path: str, said: str, most: float) -> None:
    try:
        seconds = parse_duration(said) if said else 0.0
    except ValueError as error:
        errors.invalid(path, said, str(error))
        return
    if not seconds:
        errors.required(path)
    elif not 0 < seconds <= most:
        errors.invalid(path, said, "must be > 0s" + (f" and <= {most:.0f}s" if most < float("inf") else ""))


def _choice(errors: Errors, path: str, said: str, known: Sequence[str]) -> None:
    if not said:
        errors.required(path)
    elif said not in known:
        errors.not_supported(path, said, list(known))


def _connection(errors: Errors, path: str, connection: ConnectionInfo) -> None:
    file, at = connection.kubeConfigFile, f"{path}.kubeConfigFile"
    _choice(errors, f"{path}.type", connection.type, _CONNECTIONS)
    if connection.type == "InClusterConfig":
        if file is not None:
            errors.invalid(at, file, "can only be set when type=KubeConfigFile")
    elif connection.type == "KubeConfigFile":
        if not file:
            errors.required(at)
        elif not Path(file).is_absolute():
            errors.invalid(at, file, "must be an absolute path")
        elif not Path(file).exists():
            errors.invalid(at, file, f"error loading file: stat {file}: no such file or directory")
        elif not Path(file).is_file():
            errors.invalid(at, file, "must be a regular file")
