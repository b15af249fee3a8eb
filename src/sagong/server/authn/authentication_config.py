"""AuthenticationConfiguration (apiserver.config.k8s.io/v1): which providers' tokens are believed, and how claims become users."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from sagong.api import names
from sagong.api.errors import Cause
from sagong.api.field_errors import Errors, text
from sagong.api.yaml_decode import YamlError, yaml_to_json
from sagong.server.webhooks.endpoint import EndpointError, tls_of

if TYPE_CHECKING:
    from sagong.server.authn.claim_expressions import ClaimExpressions

_GROUP = "apiserver.config.k8s.io"
_VERSIONS = ("v1", "v1beta1", "v1alpha1")
_MOST_ISSUERS = 64


class _Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A part of the configuration: unknown fields are refused."""


class AnonymousCondition(_Strict):
    """A path that anybody may ask for without credentials."""

    path: str


class Anonymous(_Strict):
    """Whether requests without credentials are served, and where."""

    enabled: bool = False
    conditions: list[AnonymousCondition] = []


class IssuerConfig(_Strict):
    """Where tokens come from and whom they are meant for."""

    url: str = ""
    discoveryURL: str = ""
    certificateAuthority: str = ""
    audiences: list[str] = []
    audienceMatchPolicy: str = ""
    egressSelectorType: str = ""


class ClaimValidationRule(_Strict):
    """A claim that must have a value, or an expression that must hold."""

    claim: str = ""
    requiredValue: str = ""
    expression: str = ""
    message: str = ""


class PrefixedClaim(_Strict):
    """A claim with a prefix before its values, or an expression."""

    claim: str = ""
    prefix: str | None = None
    expression: str = ""


class ClaimOrExpression(_Strict):
    """A claim, or an expression."""

    claim: str = ""
    expression: str = ""


class ExtraMapping(_Strict):
    """An extra attribute of users."""

    key: str = ""
    valueExpression: str = ""


class ClaimMappings(_Strict):
    """How claims become a user."""

    username: PrefixedClaim = msgspec.field(default_factory=PrefixedClaim)
    groups: PrefixedClaim = msgspec.field(default_factory=PrefixedClaim)
    uid: ClaimOrExpression = msgspec.field(default_factory=ClaimOrExpression)
    extra: list[ExtraMapping] = []


class UserValidationRule(_Strict):
    """An expression that must hold of the user."""

    expression: str = ""
    message: str = ""


class JwtAuthenticator(_Strict):
    """One provider."""

    issuer: IssuerConfig = msgspec.field(default_factory=IssuerConfig)
    claimValidationRules: list[ClaimValidationRule] = []
    claimMappings: ClaimMappings = msgspec.field(default_factory=ClaimMappings)
    userValidationRules: list[UserValidationRule] = []


class AuthenticationConfiguration(_Strict):
    """The whole file."""

    apiVersion: str
    kind: str
    jwt: list[JwtAuthenticator] = []
    anonymous: Anonymous | None = None


class ConfigurationError(ValueError):
    """The configuration cannot be used; the message lists everything that is wrong."""


def load(path: str, disallowed: Sequence[str] = ()) -> AuthenticationConfiguration:
    """Read a file, YAML or JSON; tokens of `disallowed` issuers are this server's own. Raises OSError, ConfigurationError."""
    configuration: AuthenticationConfiguration = read_configuration(path, AuthenticationConfiguration)
    if causes := validate(configuration, disallowed):
        raise ConfigurationError(f"{path}: {text(causes)}")
    return configuration


def read_configuration(path: str, kind: type[Any]) -> Any:
    """Read a configuration of the group from a file. Raises OSError, ConfigurationError."""
    try:
        found = msgspec.json.decode(yaml_to_json(Path(path).read_bytes())[0], type=kind)
    except (YamlError, msgspec.MsgspecError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    version = f"{found.apiVersion}, {found.kind}"
    if version not in [f"{_GROUP}/{known}, {kind.__name__}" for known in _VERSIONS]:
        raise ConfigurationError(f"{path}: no kind {found.kind!r} is registered for version {found.apiVersion!r}")
    return found


def validate(configuration: AuthenticationConfiguration, disallowed: Sequence[str] = ()) -> Sequence[Cause]:
    """Return everything that is wrong."""
    errors = Errors()
    if len(configuration.jwt) > _MOST_ISSUERS:
        errors.too_many("jwt", len(configuration.jwt), _MOST_ISSUERS)
        return errors
    for index, jwt in enumerate(configuration.jwt):
        validate_jwt(errors, f"jwt[{index}]", jwt, disallowed)
    for field in ("url", "discoveryURL"):
        _double(errors, [(f"jwt[{index}].issuer.{field}", getattr(jwt.issuer, field)) for index, jwt in enumerate(configuration.jwt)])
    anonymous = configuration.anonymous
    if anonymous is not None and not anonymous.enabled and anonymous.conditions:
        conditions = [condition.path for condition in anonymous.conditions]
        errors.invalid("anonymous.conditions", conditions, "enabled should be set to true when conditions are defined")
    return errors


def _double(errors: Errors, found: Iterable[tuple[str, str]]) -> None:
    seen: set[str] = set()
    for path, value in found:
        if value and value in seen:
            errors.duplicate(path, value)
        seen.add(value)


def validate_jwt(errors: Errors, path: str, jwt: JwtAuthenticator, disallowed: Sequence[str] = ()) -> None:
    """Check one provider."""
    _issuer(errors, f"{path}.issuer", jwt.issuer, disallowed)
    _rules(errors, f"{path}.claimValidationRules", jwt.claimValidationRules)
    _mappings(errors, f"{path}.claimMappings", jwt.claimMappings)
    for index, rule in enumerate(jwt.userValidationRules):
        if not rule.expression:
            errors.required(f"{path}.userValidationRules[{index}].expression")
    expressions_of(jwt, errors, path)
    _double(
        errors, [(f"{path}.userValidationRules[{index}].expression", rule.expression) for index, rule in enumerate(jwt.userValidationRules)]
    )


def expressions_of(jwt: JwtAuthenticator, errors: Errors, path: str) -> ClaimExpressions | None:
    """Compile the expressions of a provider, if there are any; what is wrong with them is added to `errors`."""
    mappings = jwt.claimMappings
    used = mappings.username.expression or mappings.groups.expression or mappings.uid.expression or mappings.extra
    if not used and not jwt.userValidationRules and not any(rule.expression for rule in jwt.claimValidationRules):
        return None
    from sagong.server.authn.claim_expressions import ClaimExpressions  # noqa: PLC0415 - CEL comes with the first expression

    return ClaimExpressions(jwt, errors, path)


def _issuer(errors: Errors, path: str, issuer: IssuerConfig, disallowed: Sequence[str]) -> None:
    if issuer.url:
        _url(errors, f"{path}.url", issuer.url, disallowed)
    else:
        errors.required(f"{path}.url")
    if issuer.discoveryURL:
        if issuer.url and issuer.url.rstrip("/") == issuer.discoveryURL.rstrip("/"):
            errors.invalid(f"{path}.discoveryURL", issuer.discoveryURL, "discoveryURL must be different from URL")
        _url(errors, f"{path}.discoveryURL", issuer.discoveryURL, ())
    _audiences(errors, path, issuer)
    if issuer.certificateAuthority:
        try:
            tls_of(issuer.certificateAuthority.encode())
        except EndpointError as error:
            errors.invalid(f"{path}.certificateAuthority", "<omitted>", str(error))
    if issuer.egressSelectorType:
        errors.invalid(f"{path}.egressSelectorType", issuer.egressSelectorType, "this server has no egress selectors")


def _url(errors: Errors, path: str, url: str, disallowed: Sequence[str]) -> None:
    if url in disallowed:
        errors.invalid(path, url, f"URL must not overlap with disallowed issuers: [{' '.join(sorted(disallowed))}]")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        errors.invalid(path, url, str(error))
        return
    for broken, complaint in (
        (parts.scheme != "https", "URL scheme must be https"),
        ("@" in parts.netloc, "URL must not contain a username or password"),
        (bool(parts.query), "URL must not contain a query"),
        (bool(parts.fragment), "URL must not contain a fragment"),
    ):
        if broken:
            errors.invalid(path, url, complaint)


def _audiences(errors: Errors, path: str, issuer: IssuerConfig) -> None:
    if not issuer.audiences:
        errors.required(f"{path}.audiences", f"at least one {path}.audiences is required")
        return
    for index, audience in enumerate(issuer.audiences):
        if not audience:
            errors.required(f"{path}.audiences[{index}]")
    _double(errors, [(f"{path}.audiences[{index}]", audience) for index, audience in enumerate(issuer.audiences)])
    policy, at = issuer.audienceMatchPolicy, f"{path}.audienceMatchPolicy"
    if len(issuer.audiences) > 1 and policy != "MatchAny":
        errors.invalid(at, policy, "audienceMatchPolicy must be MatchAny for multiple audiences")
    elif policy not in ("", "MatchAny"):
        errors.invalid(at, policy, "audienceMatchPolicy must be empty or MatchAny for single audience")


def _rules(errors: Errors, path: str, rules: Sequence[ClaimValidationRule]) -> None:
    for index, rule in enumerate(rules):
        at = f"{path}[{index}]"
        if rule.claim and rule.expression:
            errors.invalid(at, rule.claim, "claim and expression can't both be set")
        elif not rule.claim and not rule.expression:
            errors.required(at, "claim or expression is required")
        elif rule.claim and rule.message:
            errors.invalid(f"{at}.message", rule.message, "may not be specified when claim is set")
        elif rule.expression and rule.requiredValue:
            errors.invalid(f"{at}.requiredValue", rule.requiredValue, "may not be specified when expression is set")
    for field in ("claim", "expression"):
        _double(errors, [(f"{path}[{index}].{field}", getattr(rule, field)) for index, rule in enumerate(rules)])


def _mappings(errors: Errors, path: str, mappings: ClaimMappings) -> None:
    _prefixed(errors, f"{path}.username", mappings.username, required=True)
    _prefixed(errors, f"{path}.groups", mappings.groups, required=False)
    if mappings.uid.claim and mappings.uid.expression:
        errors.invalid(f"{path}.uid", "", "claim and expression can't both be set")
    for index, extra in enumerate(mappings.extra):
        at = f"{path}.extra[{index}]"
        domain, slash, rest = extra.key.partition("/")
        errors.each(
            f"{at}.key",
            extra.key,
            names.dns1123_subdomain(domain) if slash and rest else ['must be a domain-prefixed path (such as "acme.io/foo")'],
        )
        if extra.key != extra.key.lower():
            errors.invalid(f"{at}.key", extra.key, "must be lowercase")
        if slash and any(domain == own or domain.endswith(f".{own}") for own in ("kubernetes.io", "k8s.io")):
            errors.invalid(f"{at}.key", extra.key, "k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use")
        if not extra.valueExpression:
            errors.required(f"{at}.valueExpression")
    _double(errors, [(f"{path}.extra[{index}].key", extra.key) for index, extra in enumerate(mappings.extra)])


def _prefixed(errors: Errors, path: str, mapping: PrefixedClaim, *, required: bool) -> None:
    if mapping.expression:
        if mapping.claim:
            errors.invalid(path, "", "claim and expression can't both be set")
        if mapping.prefix is not None:
            errors.invalid(f"{path}.prefix", mapping.prefix, "may not be specified when expression is set")
        return
    if not mapping.claim and required:
        errors.required(path, "claim or expression is required")
    if mapping.claim and mapping.prefix is None:
        errors.required(f"{path}.prefix", "prefix is required when claim is set. It can be set to an empty string to disable prefixing")
