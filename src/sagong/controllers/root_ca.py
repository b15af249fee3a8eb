"""root-ca-certificate-publisher: every active namespace has the cluster's CA in the ConfigMap `kube-root-ca.crt`."""

from __future__ import annotations

from collections.abc import Iterable

from sagong.api.errors import AlreadyExistsError
from sagong.api.types.core import ConfigMap, Namespace
from sagong.api.types.meta import ObjectMeta
from sagong.client.plan import NOTHING, Create, Plan, Update
from sagong.controllers.declaration import Controller, Key, Watch, writes
from sagong.controllers.meters import PublisherMeter
from sagong.controllers.view import View

NAME = "kube-root-ca.crt"
DESCRIPTION = "kubernetes.io/description"
DESCRIBED = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP"
    " or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters."
)


def plan(namespace: Namespace, found: ConfigMap | None, ca: str) -> Plan:
    """Plan one namespace: create the ConfigMap, or correct it."""
    if namespace.status.phase == "Terminating":
        return NOTHING
    data = {"ca.crt": ca}
    if found is None:
        meta = ObjectMeta(name=NAME, namespace=namespace.metadata.name, annotations={DESCRIPTION: DESCRIBED})
        return Plan((Create(ConfigMap(metadata=meta, data=data), ignore=(AlreadyExistsError,)),))
    if found.data == data and found.metadata.annotations.get(DESCRIPTION) == DESCRIBED:
        return NOTHING
    changed = found.copy()
    changed.data = data
    changed.metadata.annotations = {**changed.metadata.annotations, DESCRIPTION: DESCRIBED}
    return Plan((Update(changed),))


def controller(ca: str) -> Controller:
    """Return the loop that publishes this PEM bundle."""

    def reconcile(view: View, key: Key) -> Plan:
        namespace = view.get(Namespace, "", key.name)
        return plan(namespace, view.get(ConfigMap, key.name, NAME), ca) if namespace is not None else NOTHING

    return Controller(
        name="root-ca-certificate-publisher",
        account="root-ca-cert-publisher",
        watches=(Watch(Namespace), Watch(ConfigMap, _namespace_of)),
        writes=writes(("create update", ConfigMap)),
        reconcile=reconcile,
        workers=1,
        meter=PublisherMeter,
    )


def _namespace_of(_view: View, found: ConfigMap) -> Iterable[Key]:
    return (Key("", found.metadata.namespace),) if found.metadata.name == NAME else ()
