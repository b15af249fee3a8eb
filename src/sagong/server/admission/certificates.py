"""CertificateApproval, CertificateSigning, CertificateSubjectRestriction: who may approve and sign for a signer."""

from __future__ import annotations

from sagong.server.admission.plugin import Plugin, Review
from sagong.server.contract import Attributes, Authorizer

REQUESTS = ("certificates.k8s.io", "certificatesigningrequests")


class _SignerPlugin(Plugin):
    operations = ("UPDATE",)
    resources = (REQUESTS,)

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def _check(self, review: Review, verb: str) -> None:
        signer = review.old.spec.signerName
        for name in (signer, signer.partition("/")[0] + "/*"):
            asked = Attributes(review.call.user, verb, group="certificates.k8s.io", version="*", resource="signers", name=name)
            if (await self._authorizer.authorize(asked)).allowed:
                return
        raise review.forbidden(f'user not permitted to {verb} requests with signerName "{signer}"')


class CertificateApproval(_SignerPlugin):
    """Asked when a request is approved or denied."""

    subresources = ("approval",)

    async def validate(self, review: Review) -> None:
        """Judge."""
        await self._check(review, "approve")


class CertificateSigning(_SignerPlugin):
    """Asked when a certificate is issued."""

    subresources = ("status",)

    async def validate(self, review: Review) -> None:
        """Judge, when the certificate or the conditions change."""
        new, old = review.obj.status, review.old.status
        if new.certificate != old.certificate or new.conditions != old.conditions:
            await self._check(review, "sign")


class CertificateSubjectRestriction(Plugin):
    """Asked about new requests: nobody asks for a client certificate of system:masters."""

    resources = (REQUESTS,)

    async def validate(self, review: Review) -> None:
        """Judge."""
        request = review.obj
        if request.spec.signerName != "kubernetes.io/kube-apiserver-client":
            return
        from cryptography import x509  # noqa: PLC0415 - few requests get here
        from cryptography.x509.oid import NameOID  # noqa: PLC0415 - the same

        try:
            subject = x509.load_pem_x509_csr(request.spec.request).subject
        except ValueError as error:
            raise review.forbidden(f"failed to parse CSR: {error}") from error
        if any(part.value == "system:masters" for part in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)):
            signer = request.spec.signerName
            raise review.forbidden(f"use of {signer} signer with system:masters group is not allowed")
