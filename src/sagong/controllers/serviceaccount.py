"""serviceaccount: every active namespace has an account named `default`."""

from __future__ import annotations

from collections.abc import Iterable

from sagong.api.errors import AlreadyExistsError
from sagong.api.types.core import Namespace, ServiceAccount
from sagong.api.types.meta import ObjectMeta
from sagong.client.plan import NOTHING, Create, Plan
from sagong.controllers.declaration import Controller, Key, Watch, vanished, writes
from sagong.controllers.view import View

DEFAULT = "default"


def reconcile(view: View, key: Key) -> Plan:
    """Plan one namespace."""
    namespace = view.get(Namespace, "", key.name)
    if namespace is None or namespace.status.phase == "Terminating" or view.get(ServiceAccount, key.name, DEFAULT) is not None:
        return NOTHING
    account = ServiceAccount(metadata=ObjectMeta(name=DEFAULT, namespace=key.name))
    return Plan((Create(account, ignore=(AlreadyExistsError,)),))


def _namespace_of(_view: View, account: ServiceAccount) -> Iterable[Key]:
    return (Key("", account.metadata.namespace),) if account.metadata.name == DEFAULT else ()


CONTROLLER = Controller(
    name="serviceaccount",
    account="service-account-controller",
    watches=(Watch(Namespace), Watch(ServiceAccount, _namespace_of, vanished)),
    writes=writes(("create", ServiceAccount)),
    reconcile=reconcile,
    workers=1,
)
