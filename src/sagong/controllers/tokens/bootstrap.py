"""bootstrap-signer, token-cleaner: the public cluster-info, signed for each bootstrap token, and the end of tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime

import msgspec

from sagong.api.clock import parse_time
from sagong.api.types.core import ConfigMap, Secret
from sagong.client.plan import NOTHING, Delete, Plan, Update
from sagong.controllers.declaration import Controller, Key, Watch, writes
from sagong.controllers.view import View

TYPE = "bootstrap.kubernetes.io/token"
SYSTEM, PUBLIC, CLUSTER_INFO = "kube-system", "kube-public", "cluster-info"
SIGNATURE = "jws-kubeconfig-"


def plan_signatures(info: ConfigMap, secrets: Iterable[Secret], now: datetime) -> Plan:
    """Sign the kubeconfig in cluster-info with every token that is for signing."""
    content = info.data.get("kubeconfig")
    if content is None:
        return NOTHING
    kept = {key: value for key, value in info.data.items() if not key.startswith(SIGNATURE)}
    tokens = dict(token for secret in secrets if (token := _signing_token(secret, now)) is not None)
    wanted = {**kept, **{f"{SIGNATURE}{name}": detached_signature(content, name, key) for name, key in tokens.items()}}
    if wanted == info.data:
        return NOTHING
    changed = info.copy()
    changed.data = wanted
    return Plan((Update(changed),))


def plan_expiry(secret: Secret, now: datetime) -> Plan:
    """Delete a bootstrap token that has expired."""
    text = secret.data.get("expiration", b"").decode()
    if secret.type != TYPE or not text:
        return NOTHING
    left = (parse_time(text) - now).total_seconds()
    if left > 0:
        return Plan(requeue_after=left)
    return Plan((Delete(Secret, secret.metadata.name, secret.metadata.namespace, secret.metadata.uid),))


def detached_signature(content: str, token_id: str, token: str) -> str:
    """Return a JWS with detached content (RFC 7515, appendix F), HS256 by the token's secret."""
    head = _base64(msgspec.json.encode({"alg": "HS256", "kid": token_id}))
    digest = hmac.new(token.encode(), f"{head}.{_base64(content.encode())}".encode(), hashlib.sha256).digest()
    return f"{head}..{_base64(digest)}"


def sign(view: View, _key: Key) -> Plan:
    """Gather cluster-info and the tokens."""
    info = view.get(ConfigMap, PUBLIC, CLUSTER_INFO)
    return plan_signatures(info, view.list(Secret, SYSTEM), view.now) if info is not None else NOTHING


def clean(view: View, key: Key) -> Plan:
    """Look at one token."""
    secret = view.get(Secret, *key)
    return plan_expiry(secret, view.now) if secret is not None else NOTHING


def _signing_token(secret: Secret, now: datetime) -> tuple[str, str] | None:
    data = {key: value.decode("utf-8", "replace") for key, value in secret.data.items()}
    if secret.type != TYPE or data.get("usage-bootstrap-signing") != "true":
        return None
    name, key, expiry = data.get("token-id", ""), data.get("token-secret", ""), data.get("expiration", "")
    if not name or not key or secret.metadata.name != f"bootstrap-token-{name}":
        return None
    return None if expiry and parse_time(expiry) <= now else (name, key)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _token_key(_view: View, secret: Secret) -> Iterable[Key]:
    is_token = secret.type == TYPE and secret.metadata.namespace == SYSTEM
    return (Key(SYSTEM, secret.metadata.name),) if is_token else ()


def _info_key(view: View, obj: Secret | ConfigMap) -> Iterable[Key]:
    if isinstance(obj, ConfigMap):
        is_info = (obj.metadata.namespace, obj.metadata.name) == (PUBLIC, CLUSTER_INFO)
        return (Key(PUBLIC, CLUSTER_INFO),) if is_info else ()
    return [Key(PUBLIC, CLUSTER_INFO) for _ in _token_key(view, obj)]


SIGNER = Controller(
    name="bootstrap-signer",
    account="bootstrap-signer",
    watches=(Watch(ConfigMap, _info_key), Watch(Secret, _info_key)),
    writes=writes(("update", ConfigMap)),
    reconcile=sign,
    workers=1,
)
CLEANER = Controller(
    name="token-cleaner",
    account="token-cleaner",
    watches=(Watch(Secret, _token_key),),
    writes=writes(("delete", Secret)),
    reconcile=clean,
    workers=1,
)
