"""NodeRestriction: a kubelet writes its own Node and the pods on it, and nothing else (KEP-279).

What a kubelet may read is the Node authorizer's business; this looks at what it writes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator
from itertools import chain
from typing import Any

from sagong.api.errors import not_found
from sagong.api.field_errors import quote
from sagong.api.pod_references import pod_references
from sagong.api.resources import Resource
from sagong.api.types.authentication import TokenRequest
from sagong.api.types.core import Node, PersistentVolume, PersistentVolumeClaim, Pod, Volume
from sagong.api.volumes import claim_of
from sagong.server.admission.plugin import CLAIMS, NODES, PODS, GroupResource, Operation, Plugin, Review
from sagong.server.contract import Attributes, Authorizer, Objects, User

USER_PREFIX, GROUP = "system:node:", "system:nodes"
MIRROR = "kubernetes.io/config.mirror"
LEASES = "kube-node-lease"
_SIGNERS = ("kubernetes.io/kubelet-serving", "kubernetes.io/kube-apiserver-client-kubelet")
_OWN_LABELS = {
    "kubernetes.io/hostname",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
    "beta.kubernetes.io/instance-type",
    "node.kubernetes.io/instance-type",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
}
_OWN_DOMAINS = ("kubelet.kubernetes.io", "node.kubernetes.io")
_RESTRICTED_DOMAIN = "node-restriction.kubernetes.io"
_KUBERNETES_DOMAINS = ("kubernetes.io", "k8s.io")


class NodeRestriction(Plugin):
    """Asked about what nodes write. `labels`: those of Kubernetes' own that this cluster's kubelets may set besides upstream's."""

    operations = ("CREATE", "UPDATE", "DELETE")
    subresources = None

    def __init__(self, objects: Objects, authorizer: Authorizer, labels: Collection[str] = ()) -> None:
        self._objects, self._authorizer, self._labels = objects, authorizer, frozenset(labels)
        self._checks: dict[GroupResource, Callable[[str, Review], Awaitable[None]]] = {
            PODS: self._pod,
            NODES: self._node,
            CLAIMS: self._claim,
            ("", "serviceaccounts"): self._token,
            ("coordination.k8s.io", "leases"): self._lease,
            ("storage.k8s.io", "csinodes"): self._csi_node,
            ("resource.k8s.io", "resourceslices"): self._slice,
            ("certificates.k8s.io", "certificatesigningrequests"): self._signing_request,
        }

    def handles(self, operation: Operation, row: Resource, subresource: str) -> bool:
        """Say so."""
        return super().handles(operation, row, subresource) and (row.group, row.plural) in self._checks

    async def mutate(self, review: Review) -> None:
        """Judge, before other plugins fill in what the node did not say."""
        node = _node_of(review)
        if node is not None:
            await self._checks[review.row.group, review.row.plural](node, review)

    async def _pod(self, node: str, review: Review) -> None:
        subresource, operation = review.call.subresource, review.operation
        if subresource == "status":
            _check_pod_status(node, review)
        elif subresource == "eviction":
            self._check_on_node(node, review, f"node {node} can only evict pods with spec.nodeName set to itself")
        elif subresource:
            raise review.forbidden(f"unexpected pod subresource {quote(subresource)}, only 'status' and 'eviction' are allowed")
        elif operation == "CREATE":
            self._check_mirror(node, review)
        elif operation == "DELETE":
            self._check_on_node(node, review, f"node {quote(node)} can only delete pods with spec.nodeName set to itself")
        else:
            text = f"unexpected operation {quote(operation)}, node {quote(node)} can only create and delete mirror pods"
            raise review.forbidden(text)

    def _check_on_node(self, node: str, review: Review, refusal: str) -> None:
        pod = self._objects.get(Pod, review.call.name, review.namespace)
        if pod is None:
            raise not_found("", "pods", review.call.name)
        if pod.spec.nodeName != node:
            raise review.forbidden(refusal)

    def _check_mirror(self, node: str, review: Review) -> None:
        pod: Pod = review.obj
        who = f"node {quote(node)}"
        if MIRROR not in pod.metadata.annotations:
            raise review.forbidden(f"pod does not have {quote(MIRROR)} annotation, {who} can only create mirror pods")
        if pod.spec.nodeName != node:
            raise review.forbidden(f"{who} can only create pods with spec.nodeName set to itself")
        owners = pod.metadata.ownerReferences
        if len(owners) > 1:
            raise review.forbidden(f"{who} can only create pods with a single owner reference set to itself")
        if not owners or (owners[0].apiVersion, owners[0].kind, owners[0].name) != ("v1", "Node", node):
            raise review.forbidden(f"{who} can only create pods with an owner reference set to itself")
        if not owners[0].controller:
            raise review.forbidden(f"{who} can only create pods with a controller owner reference set to itself")
        if owners[0].blockOwnerDeletion:
            raise review.forbidden(f"{who} must not set blockOwnerDeletion on an owner reference")
        found = self._objects.get(Node, node)
        if found is None:
            raise not_found("", "nodes", node)
        if owners[0].uid != found.metadata.uid:
            raise review.forbidden(f"node {node} UID mismatch: expected {owners[0].uid} got {found.metadata.uid}")
        if referenced := _api_reference(pod):
            raise review.forbidden(f"{who} can not create pods that reference {referenced}")

    async def _node(self, node: str, review: Review) -> None:
        name = review.obj.metadata.name if review.operation == "CREATE" else review.call.name
        if name != node:
            raise review.forbidden(f"node {quote(node)} is not allowed to modify node {quote(name)}")
        if review.operation == "DELETE":
            return
        new, old = review.obj, review.old
        if old is not None and new.spec.taints != old.spec.taints:
            raise review.forbidden(f"node {quote(node)} is not allowed to modify taints")
        if old is not None and new.metadata.ownerReferences != old.metadata.ownerReferences:
            raise review.forbidden(f"node {quote(node)} is not allowed to modify ownerReferences")
        before = old.metadata.labels if old is not None else {}
        changed = {key for key, _ in new.metadata.labels.items() ^ before.items()}
        if wrong := sorted(label for label in changed if self._is_foreign(label)):
            what = f"node {quote(node)} is not allowed to set the following" if old is None else "is not allowed to modify"
            raise review.forbidden(f"{what} labels: {', '.join(wrong)}")

    def _is_foreign(self, label: str) -> bool:
        domain = label.partition("/")[0] if "/" in label else ""
        if _within(domain, (_RESTRICTED_DOMAIN,)):
            return True
        own = label in _OWN_LABELS or label in self._labels or _within(domain, _OWN_DOMAINS)
        return _within(domain, _KUBERNETES_DOMAINS) and not own

    async def _claim(self, node: str, review: Review) -> None:
        if review.call.subresource != "status":
            raise review.forbidden("may only update PVC status")
        new, old = _without_kubelets_part(review.obj), _without_kubelets_part(review.old)
        if new != old:
            text = "is not allowed to update fields other than status.quantity and status.conditions"
            raise review.forbidden(f"node {quote(node)} {text}")

    async def _token(self, node: str, review: Review) -> None:
        if review.operation != "CREATE" or review.call.subresource != "token":
            return
        request: TokenRequest = review.obj
        bound = request.spec.boundObjectRef
        if bound is None or (bound.apiVersion, bound.kind) != ("v1", "Pod") or not bound.name:
            raise review.forbidden("node requested token not bound to a pod")
        if not bound.uid:
            raise review.forbidden("node requested token with a pod binding without a uid")
        pod = self._objects.get(Pod, bound.name, review.namespace)
        if pod is None:
            raise not_found("", "pods", bound.name)
        if bound.uid != pod.metadata.uid:
            text = f"the UID in the bound object reference ({bound.uid}) does not match the UID in record."
            raise review.forbidden(f"{text} The object might have been deleted and then recreated")
        if pod.spec.nodeName != node:
            raise review.forbidden("node requested token bound to a pod scheduled on a different node")
        await self._check_audience(review, request, pod)

    async def _check_audience(self, review: Review, request: TokenRequest, pod: Pod) -> None:
        audiences = request.spec.audiences or ()
        if len(audiences) > 1:
            raise review.forbidden("node may only request 0 or 1 audiences")
        audience = audiences[0] if audiences else ""
        if any(self._wants(pod, volume, audience) for volume in pod.spec.volumes):
            return
        user, verb = review.call.user, "request-serviceaccounts-token-audience"
        asked = Attributes(user, verb, version="v1", resource=audience, namespace=review.namespace, name=review.call.name)
        if not (await self._authorizer.authorize(asked)).allowed:
            text = f"audience {quote(audience)} not found in pod spec volume"
            raise review.forbidden(f"{text}, {user.name} is not authorized to request tokens for this audience")

    def _wants(self, pod: Pod, volume: Volume, audience: str) -> bool:
        """Tell whether a volume needs a token for the audience: projected, or its CSI driver's."""
        if volume.projected is not None:
            tokens = (source.serviceAccountToken for source in volume.projected.sources or ())
            return any(token is not None and token.audience == audience for token in tokens)
        driver = volume.csi.driver if volume.csi is not None else self._driver_of_claim(pod, volume)
        if not driver:
            return False
        from sagong.api.types.storage import CSIDriver  # noqa: PLC0415 - few pods have such volumes

        found = self._objects.get(CSIDriver, driver)
        return found is not None and any(request.audience == audience for request in found.spec.tokenRequests)

    def _driver_of_claim(self, pod: Pod, volume: Volume) -> str:
        named = claim_of(pod, volume)
        claim = self._objects.get(PersistentVolumeClaim, named.name, pod.metadata.namespace) if named is not None else None
        bound = self._objects.get(PersistentVolume, claim.spec.volumeName) if claim is not None and claim.spec.volumeName else None
        return bound.spec.csi.driver if bound is not None and bound.spec.csi is not None else ""

    async def _lease(self, node: str, review: Review) -> None:
        if review.namespace != LEASES:
            raise review.forbidden(f"can only access leases in the {quote(LEASES)} system namespace")
        if _name(review) != node:
            raise review.forbidden("can only access node lease with the same name as the requesting node")

    async def _csi_node(self, node: str, review: Review) -> None:
        if _name(review) != node:
            raise review.forbidden("can only access CSINode with the same name as the requesting node")

    async def _slice(self, node: str, review: Review) -> None:
        judged = {"CREATE": review.obj, "DELETE": review.old}.get(review.operation)
        if judged is not None and judged.spec.nodeName != node:
            text = f"can only {review.operation.lower()} ResourceSlice with the same NodeName as the requesting node"
            raise review.forbidden(text)

    async def _signing_request(self, node: str, review: Review) -> None:
        if review.operation != "CREATE" or review.obj.spec.signerName not in _SIGNERS:
            return
        from cryptography import x509  # noqa: PLC0415 - few requests get here
        from cryptography.x509.oid import NameOID  # noqa: PLC0415 - the same

        try:
            subject = x509.load_pem_x509_csr(review.obj.spec.request).subject
        except ValueError as error:
            raise review.forbidden(f"unable to parse csr: {error}") from error
        if [part.value for part in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] != [USER_PREFIX + node]:
            raise review.forbidden(f"can only create a node CSR with CN={USER_PREFIX}{node}")


def _node_of(review: Review) -> str | None:
    """Return the name of the node that asks, None when none does. Raises ForbiddenError for a nameless one."""
    user: User = review.call.user
    if not user.name.startswith(USER_PREFIX) or GROUP not in user.groups:
        return None
    if user.name == USER_PREFIX:
        raise review.forbidden(f"could not determine node from user {quote(user.name)}")
    return user.name.removeprefix(USER_PREFIX)


def _name(review: Review) -> str:
    return str(review.obj.metadata.name) if review.operation == "CREATE" else review.call.name


def _within(domain: str, domains: Collection[str]) -> bool:
    return any(domain == known or domain.endswith(f".{known}") for known in domains)


def _check_pod_status(node: str, review: Review) -> None:
    new, old, who = review.obj, review.old, f"node {quote(node)}"
    if review.operation != "UPDATE":
        raise review.forbidden(f"unexpected operation {quote(review.operation)}")
    if old.spec.nodeName != node:
        raise review.forbidden(f"{who} can only update pod status for pods with spec.nodeName set to itself")  # noqa: S608 - no SQL
    if new.metadata.labels != old.metadata.labels:
        raise review.forbidden(f"{who} cannot update labels through pod status")
    if new.status.resourceClaimStatuses != old.status.resourceClaimStatuses:
        raise review.forbidden(f"{who} cannot update resource claim statues")
    if new.status.extendedResourceClaimStatus != old.status.extendedResourceClaimStatus:
        raise review.forbidden(f"{who} cannot update extended resource claim status")


def _api_reference(pod: Pod) -> str:
    """Return what kind of object a mirror pod refers to, "" if none: a node could read it through the pod."""
    named = (plural for plural, name in pod_references(pod) if name)
    mounted = (reference for volume in pod.spec.volumes for reference in _volume_references(volume))
    return next(chain(named, mounted), "")


def _volume_references(volume: Volume) -> Iterator[str]:
    if volume.csi is not None:
        yield "csidrivers (via CSI volumes)"
    if volume.ephemeral is not None:
        yield "persistentvolumeclaims (via ephemeral volumes)"
    for source in volume.projected.sources or () if volume.projected is not None else ():
        if source.serviceAccountToken is not None:
            yield "serviceaccounts (via projected volumes)"
        if source.clusterTrustBundle is not None:
            yield "clustertrustbundles"
        if source.podCertificate is not None:
            yield "podcertificates"


def _without_kubelets_part(claim: PersistentVolumeClaim) -> Any:
    """Return a claim without what a kubelet may write of it."""
    rest = claim.copy()
    rest.metadata.resourceVersion, rest.metadata.managedFields = "", []
    rest.status.capacity, rest.status.conditions = {}, []
    rest.status.allocatedResourceStatuses, rest.status.allocatedResources = {}, {}
    return rest
