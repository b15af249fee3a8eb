"""serviceaccount-token: fills Secrets of type kubernetes.io/service-account-token, and deletes them with their account."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sagong.api.types.core import Secret, ServiceAccount
from sagong.client.plan import NOTHING, Delete, Plan, Update
from sagong.controllers.declaration import Controller, Key, Watch, writes
from sagong.controllers.view import View

TYPE = "kubernetes.io/service-account-token"
NAME, UID = "kubernetes.io/service-account.name", "kubernetes.io/service-account.uid"
_CLAIM = "kubernetes.io/serviceaccount"
Sign = Callable[[dict[str, object]], str]


def plan(secret: Secret, account: ServiceAccount | None, root_ca: bytes, sign: Sign) -> Plan:
    """Plan one Secret of that type."""
    meta = secret.metadata
    uid = meta.annotations.get(UID, "")
    if account is None or (uid and uid != account.metadata.uid):
        return Plan((Delete(Secret, meta.name, meta.namespace, meta.uid, meta.resourceVersion),)) if meta.annotations.get(NAME) else NOTHING
    wanted = {"ca.crt": root_ca, "namespace": meta.namespace.encode()}
    if secret.data.get("token"):
        wanted["token"] = secret.data["token"]
    else:
        wanted["token"] = sign(claims(secret, account)).encode()
    if uid and all(secret.data.get(key) == value for key, value in wanted.items()):
        return NOTHING
    changed = secret.copy()
    changed.data = {**secret.data, **wanted}
    changed.metadata.annotations[UID] = account.metadata.uid
    return Plan((Update(changed),))


def claims(secret: Secret, account: ServiceAccount) -> dict[str, object]:
    """Return what such a token says; it does not expire, but is dead without its Secret."""
    namespace, name = account.metadata.namespace, account.metadata.name
    return {
        "iss": "kubernetes/serviceaccount",
        f"{_CLAIM}/namespace": namespace,
        f"{_CLAIM}/secret.name": secret.metadata.name,
        f"{_CLAIM}/service-account.name": name,
        f"{_CLAIM}/service-account.uid": account.metadata.uid,
        "sub": f"system:serviceaccount:{namespace}:{name}",
    }


def controller(root_ca: str, key: Callable[[], bytes]) -> Controller:
    """Return the loop; `key` reads the cluster's signing key, when the first token is to be signed."""

    def sign(found: dict[str, object]) -> str:
        from sagong.controllers.certificates.x509 import TokenSigner  # noqa: PLC0415 - loaded with the first token

        return TokenSigner(key()).sign(found)

    def reconcile(view: View, found: Key) -> Plan:
        secret = view.get(Secret, *found)
        if secret is None or secret.type != TYPE:
            return NOTHING
        account = view.get(ServiceAccount, found.namespace, secret.metadata.annotations.get(NAME, ""))
        return plan(secret, account, root_ca.encode(), sign)

    return Controller(
        name="serviceaccount-token",  # acts as the process itself, which may write any Secret
        watches=(Watch(Secret, _own), Watch(ServiceAccount, _secrets_of, lambda old, new: old is None or new is None)),
        writes=writes(("update delete", Secret)),
        reconcile=reconcile,
    )


def _own(_view: View, secret: Secret) -> Iterable[Key]:
    return (Key(secret.metadata.namespace, secret.metadata.name),) if secret.type == TYPE else ()


def _secrets_of(view: View, account: ServiceAccount) -> Iterable[Key]:
    return [
        Key(secret.metadata.namespace, secret.metadata.name)
        for secret in view.list(Secret, account.metadata.namespace)
        if secret.type == TYPE and secret.metadata.annotations.get(NAME) == account.metadata.name
    ]
