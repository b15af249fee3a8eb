"""What the API server is told: where it listens, with which keys, for which cluster."""

from __future__ import annotations

import msgspec

DEFAULT_ISSUER = "https://kubernetes.default.svc.cluster.local"


class OidcConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One OpenID Connect provider, as upstream's --oidc-* flags name it. Username prefix "-": none; "": the issuer, but for email."""

    issuer_url: str
    client_id: str
    ca: str = ""
    username_claim: str = "sub"
    username_prefix: str = ""
    groups_claim: str = ""
    groups_prefix: str = ""
    required_claims: dict[str, str] = msgspec.field(default_factory=dict)
    signing_algs: list[str] = msgspec.field(default_factory=lambda: ["RS256"])


class ServerConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Settings of one server; paths are of PEM files unless said otherwise, and "" turns the thing off."""

    address: str = "0.0.0.0"
    port: int = 6443
    advertise_address: str = "127.0.0.1"

    certificate: str = ""
    """What the server shows; "" serves plain HTTP."""
    key: str = ""
    client_ca: str = ""
    front_proxy_ca: str = ""
    front_proxy_names: list[str] = msgspec.field(default_factory=lambda: ["front-proxy-client"])
    front_proxy_certificate: str = ""
    """What the server shows to the servers behind APIServices, so that they believe it about who asks."""
    front_proxy_key: str = ""
    aggregator_routing: bool = True
    """Whether those are reached at a Service's endpoints; otherwise at its cluster IP."""
    token_file: str = ""
    """CSV of token, user, uid, "group,group"."""

    anonymous: bool = True
    """Whether requests without credentials are those of system:anonymous, or refused."""
    authentication_config: str = ""
    """An AuthenticationConfiguration, YAML or JSON: providers of tokens, and where anybody may ask."""
    oidc: OidcConfig | None = None
    """One provider, instead of such a file."""
    authentication_webhook: str = ""
    """A kubeconfig that leads to a webhook which knows tokens (TokenReview)."""
    authentication_webhook_cache_ttl: str = "2m"

    authorization_modes: list[str] = msgspec.field(default_factory=lambda: ["Node", "RBAC"])
    """Of Node, RBAC, Webhook, AlwaysAllow, AlwaysDeny, in the order in which they are asked."""
    authorization_config: str = ""
    """An AuthorizationConfiguration, YAML or JSON, instead of modes."""
    authorization_webhook: str = ""
    """A kubeconfig that leads to a webhook which decides (SubjectAccessReview): for the mode Webhook."""
    authorization_webhook_authorized_ttl: str = "5m"
    authorization_webhook_unauthorized_ttl: str = "30s"

    service_account_key: str = ""
    """The private key that signs service account tokens."""
    service_account_issuer: str = DEFAULT_ISSUER
    api_audiences: list[str] = msgspec.field(default_factory=list)
    """Audiences of tokens for this server; none: the issuer."""

    kubelet_labels: list[str] = msgspec.field(default_factory=list)
    """Labels of Kubernetes' own domains that kubelets may set on their nodes, beside those that NodeRestriction knows."""
    kubelet_ca: str = ""
    kubelet_certificate: str = ""
    kubelet_key: str = ""

    service_cidrs: list[str] = msgspec.field(default_factory=lambda: ["10.96.0.0/12"])
    node_ports: str = "30000-32767"

    priority_and_fairness: bool = True
    """False: no more than the two bounds below are served at a time, whoever asks."""
    max_requests_inflight: int = 400
    max_mutating_requests_inflight: int = 200
    """With priority and fairness, the sum of both is how many seats there are."""

    encryption_config: str = ""
    """An EncryptionConfiguration: what is encrypted at rest, and with which keys. Read again when it changes."""

    audit_policy: str = ""
    """An audit policy (audit.k8s.io/v1): what is recorded in the log, or sent to the webhook, or both."""
    audit_log: str = ""
    """A file for events, one a line; "-" is standard output."""
    audit_log_max_size: int = 0
    """Megabytes at which the file is renamed and begun anew; 0: 100."""
    audit_log_max_backups: int = 0
    audit_log_max_age: int = 0
    """How many old files are kept, and for how many days; 0 sets no bound."""
    audit_webhook: str = ""
    """A kubeconfig that leads to where batches of events are sent."""

    @property
    def audiences(self) -> list[str]:
        """Audiences of tokens for this server."""
        return self.api_audiences or [self.service_account_issuer]
