"""The server's settings under the names that upstream's kube-apiserver has for them on its command line."""

from __future__ import annotations

from sagong.api import flags as as_flags
from sagong.server.config import ServerConfig

_OIDC = ("issuer_url", "client_id", "username_claim", "username_prefix", "groups_claim", "groups_prefix", "signing_algs")
_NAMES = {
    "address": "bind-address",
    "port": "secure-port",
    "certificate": "tls-cert-file",
    "key": "tls-private-key-file",
    "client_ca": "client-ca-file",
    "front_proxy_ca": "requestheader-client-ca-file",
    "front_proxy_names": "requestheader-allowed-names",
    "front_proxy_certificate": "proxy-client-cert-file",
    "front_proxy_key": "proxy-client-key-file",
    "aggregator_routing": "enable-aggregator-routing",
    "token_file": "token-auth-file",
    "anonymous": "anonymous-auth",
    "oidc.ca": "oidc-ca-file",
    "oidc.required_claims": "oidc-required-claim",
    **{f"oidc.{field}": f"oidc-{field.replace('_', '-')}" for field in _OIDC},
    "authentication_webhook": "authentication-token-webhook-config-file",
    "authentication_webhook_cache_ttl": "authentication-token-webhook-cache-ttl",
    "authorization_modes": "authorization-mode",
    "authorization_webhook": "authorization-webhook-config-file",
    "authorization_webhook_authorized_ttl": "authorization-webhook-cache-authorized-ttl",
    "authorization_webhook_unauthorized_ttl": "authorization-webhook-cache-unauthorized-ttl",
    "service_account_key": "service-account-signing-key-file",
    "kubelet_ca": "kubelet-certificate-authority",
    "kubelet_certificate": "kubelet-client-certificate",
    "kubelet_key": "kubelet-client-key",
    "node_ports": "service-node-port-range",
    "priority_and_fairness": "enable-priority-and-fairness",
    "encryption_config": "encryption-provider-config",
    "audit_policy": "audit-policy-file",
    "audit_log": "audit-log-path",
    "audit_log_max_size": "audit-log-maxsize",
    "audit_log_max_backups": "audit-log-maxbackup",
    "audit_log_max_age": "audit-log-maxage",
    "audit_webhook": "audit-webhook-config-file",
    # of a process that keeps the state in etcd
    "etcd.endpoints": "etcd-servers",
    "etcd.ca": "etcd-cafile",
    "etcd.certificate": "etcd-certfile",
    "etcd.key": "etcd-keyfile",
    # upstream's is one text
    "service_cidrs": "",
}


def flags(config: ServerConfig) -> dict[str, str]:
    """Return the settings as flags. Keys and tokens are in files, of which this has the paths."""
    return {**as_flags.flags(config, _NAMES), "service-cluster-ip-range": ",".join(config.service_cidrs)}
