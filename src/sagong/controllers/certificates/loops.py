"""certificatesigningrequest-approving, -signing, -cleaner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sagong.api.clock import format_time, parse_time
from sagong.api.types.authorization import ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec
from sagong.api.types.certificates import CertificateSigningRequest, CertificateSigningRequestCondition
from sagong.client.client import Client
from sagong.client.plan import NOTHING, Delete, Plan, Update
from sagong.controllers import conditions
from sagong.controllers.declaration import Controller, Key, Watch, writes
from sagong.controllers.view import Live, View

ACCOUNT = "certificate-controller"
KUBELET_CLIENT, KUBELET_SERVING = "kubernetes.io/kube-apiserver-client-kubelet", "kubernetes.io/kubelet-serving"
API_CLIENT, LEGACY = "kubernetes.io/kube-apiserver-client", "kubernetes.io/legacy-unknown"
LONGEST, SHORTEST = timedelta(days=365), timedelta(minutes=10)
KEPT, PENDING = timedelta(hours=1), timedelta(hours=24)
_CLIENT_USAGES = ({"digital signature", "key encipherment", "client auth"}, {"digital signature", "client auth"})
_SERVING_USAGES = ({"digital signature", "key encipherment", "server auth"}, {"digital signature", "server auth"})
_API_USAGES = {"digital signature", "key encipherment", "client auth"}


@dataclass(frozen=True, slots=True)
class Authority:
    """The cluster's CA: PEM certificate and key, as files, read when a certificate is signed."""

    certificate: Callable[[], bytes]
    key: Callable[[], bytes]


def refusal(request: Any, usages: Sequence[str], signer: str) -> str | None:
    """Return why a signer does not sign a request (a `Wanted`): empty if it does, None if it is not ours."""
    complaints = _COMPLAINTS.get(signer)
    return next(iter(complaints(request, set(usages))), "") if complaints is not None else None


def _api_client(_request: Any, usages: set[str]) -> Iterator[str]:
    if "client auth" not in usages:
        yield 'missing required usage "client auth"'
    yield from (f"invalid usage for client certificate: {usage}" for usage in sorted(usages - _API_USAGES))


def _kubelet_client(request: Any, usages: set[str]) -> Iterator[str]:
    yield from _of_nodes(request)
    for kind, found in (("DNS", request.dns), ("Email", request.emails), ("IP", request.ips), ("URI", request.uris)):
        if found:
            yield f"{kind} subjectAltNames are not allowed"
    yield from _of_node(request)
    yield from _exactly(usages, _CLIENT_USAGES)


def _kubelet_serving(request: Any, usages: set[str]) -> Iterator[str]:
    yield from _of_nodes(request)
    if not request.dns and not request.ips:
        yield "DNS or IP subjectAltName is required"
    for kind, found in (("Email", request.emails), ("URI", request.uris)):
        if found:
            yield f"{kind} subjectAltNames are not allowed"
    yield from _exactly(usages, _SERVING_USAGES)
    yield from _of_node(request)


def _of_nodes(request: Any) -> Iterator[str]:
    if list(request.organizations) != ["system:nodes"]:
        yield "subject organization is not system:nodes"


def _of_node(request: Any) -> Iterator[str]:
    if not request.common_name.startswith("system:node:"):
        yield "subject common name does not begin with system:node:"


def _exactly(usages: set[str], allowed: Sequence[set[str]]) -> Iterator[str]:
    if usages not in allowed:
        yield f"usages did not match [{' '.join(sorted(allowed[0]))}]"


_COMPLAINTS: dict[str, Callable[[Any, set[str]], Iterable[str]]] = {
    API_CLIENT: _api_client,
    KUBELET_CLIENT: _kubelet_client,
    KUBELET_SERVING: _kubelet_serving,
    LEGACY: lambda _request, _usages: (),
}


def signing(authority: Authority) -> Controller:
    """Return the loop that signs approved requests."""

    def reconcile(view: View, key: Key) -> Plan:
        csr = view.get(CertificateSigningRequest, "", key.name)
        if csr is None or csr.status.certificate or not _has(csr, "Approved") or _has(csr, "Failed"):
            return NOTHING
        from sagong.controllers.certificates import x509  # noqa: PLC0415 - loaded with the first request to sign

        said = refusal(x509.parse_request(csr.spec.request), csr.spec.usages, csr.spec.signerName)
        if said is None:
            return NOTHING
        changed = csr.copy()
        if said:
            changed.status.conditions.append(_condition("Failed", "SignerValidationFailure", said, view.now))
        else:
            ca = (authority.certificate(), authority.key())
            life = min(max(timedelta(seconds=csr.spec.expirationSeconds or LONGEST.total_seconds()), SHORTEST), LONGEST)
            serial = view.random.token(16)
            changed.status.certificate = x509.sign(csr.spec.request, csr.spec.usages, life, view.now, ca=ca, serial=serial)
        return Plan((Update(changed, "status"),))

    return Controller(
        name="certificatesigningrequest-signing",
        account=ACCOUNT,
        watches=(Watch(CertificateSigningRequest),),
        writes=writes(("update", CertificateSigningRequest, "status")),
        reconcile=reconcile,
    )


async def approve(live: Live, key: Key) -> Plan:
    """Approve a kubelet's client certificate, if who asks may have it."""
    csr = live.get(CertificateSigningRequest, "", key.name)
    if csr is None or csr.status.certificate or _has(csr, "Approved") or _has(csr, "Denied") or csr.spec.signerName != KUBELET_CLIENT:
        return NOTHING
    from sagong.controllers.certificates import x509  # noqa: PLC0415 - loaded with the first request of a kubelet

    request = x509.parse_request(csr.spec.request)
    if refusal(request, csr.spec.usages, KUBELET_CLIENT):
        return NOTHING
    tries = [("nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview.")]
    if csr.spec.username == request.common_name:
        tries.insert(0, ("selfnodeclient", "Auto approving self kubelet client certificate after SubjectAccessReview."))
    for subresource, message in tries:
        if await _may(live.client, csr, subresource):
            changed = csr.copy()
            changed.status.conditions.append(_condition("Approved", "AutoApproved", message, live.now))
            return Plan((Update(changed, "approval"),))
    return NOTHING


def clean(view: View, key: Key) -> Plan:
    """Delete a request that is done with: an hour after its end, a day after it was made."""
    csr = view.get(CertificateSigningRequest, "", key.name)
    if csr is None:
        return NOTHING
    ends = [parse_time(csr.metadata.creationTimestamp) + PENDING] if not csr.status.conditions else []
    if csr.status.certificate:
        from sagong.controllers.certificates import x509  # noqa: PLC0415 - loaded with the first certificate

        expiry = x509.expires(csr.status.certificate)
        ends += [expiry] if expiry is not None else []
    for found in csr.status.conditions:
        if found.type != "Approved" or csr.status.certificate:
            ends.append(parse_time(found.lastUpdateTime or found.lastTransitionTime or csr.metadata.creationTimestamp) + KEPT)
        else:
            ends.append(parse_time(found.lastUpdateTime or csr.metadata.creationTimestamp) + KEPT)
    left = (min(ends) - view.now).total_seconds() if ends else None
    if left is not None and left <= 0:
        return Plan((Delete(CertificateSigningRequest, key.name, "", csr.metadata.uid),))
    return Plan(requeue_after=left)


async def _may(client: Client, csr: CertificateSigningRequest, subresource: str) -> bool:
    attributes = ResourceAttributes(
        group="certificates.k8s.io", resource="certificatesigningrequests", verb="create", subresource=subresource, version="*"
    )
    spec = SubjectAccessReviewSpec(
        user=csr.spec.username, uid=csr.spec.uid, groups=csr.spec.groups, extra=csr.spec.extra, resourceAttributes=attributes
    )
    review = await client.create(SubjectAccessReview(spec=spec))
    return review.status.allowed


def _has(csr: CertificateSigningRequest, kind: str) -> bool:
    found = conditions.find(csr.status.conditions, kind)
    return found is not None and found.status in ("True", "")


def _condition(kind: str, reason: str, message: str, now: datetime) -> CertificateSigningRequestCondition:
    stamp = format_time(now)
    return CertificateSigningRequestCondition(
        type=kind, status="True", reason=reason, message=message, lastUpdateTime=stamp, lastTransitionTime=stamp
    )


APPROVING = Controller(
    name="certificatesigningrequest-approving",
    account=ACCOUNT,
    watches=(Watch(CertificateSigningRequest),),
    writes=writes(("update", CertificateSigningRequest, "approval")),
    reconcile_live=approve,
)
CLEANER = Controller(
    name="certificatesigningrequest-cleaner",
    account=ACCOUNT,
    watches=(Watch(CertificateSigningRequest),),
    writes=writes(("delete", CertificateSigningRequest)),
    reconcile=clean,
    workers=1,
)
