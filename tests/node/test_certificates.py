"""Certificates that the kubelet asks for: what is asked, what is kept, when it is renewed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.node.builders import FixedRandom, HandClock

from sagong.api.types.certificates import CertificateSigningRequest, CertificateSigningRequestCondition
from sagong.node.certificates import RequestError, Rotator, Wanted, adopt, client_certificate, lifetime, serving_certificate

DAY = 86_400.0


class Signer:
    """An API whose requests are answered at the second look."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.asked: list[CertificateSigningRequest] = []
        self.looks = 0
        self.condition: CertificateSigningRequestCondition | None = None

    async def create(self, obj: Any) -> Any:
        created = obj.copy()
        created.metadata.name = f"csr-{len(self.asked)}"
        self.asked.append(created)
        return created

    async def get(self, kind: type[Any], name: str, namespace: str = "") -> Any:
        self.looks += 1
        found = self.asked[int(name.removeprefix("csr-"))].copy()
        if self.condition is not None:
            found.status.conditions = [self.condition]
        elif self.looks > 1:
            found.status.certificate = self.sign(found.spec.request)
        return found

    def sign(self, pem: bytes) -> bytes:
        request = x509.load_pem_x509_csr(pem)
        now = self.clock.now()
        builder = x509.CertificateBuilder().subject_name(request.subject).issuer_name(x509.Name([])).public_key(request.public_key())
        builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=10))
        for extension in request.extensions:
            builder = builder.add_extension(extension.value, critical=False)
        return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


class Bench:
    def __init__(self, folder: Path, wanted: Wanted) -> None:
        self.clock = HandClock()
        self.api = Signer(self.clock)
        self.told = 0
        self.rotator = Rotator(self.api, wanted, folder / "pki", self.clock, FixedRandom(), self.renewed)

    def renewed(self) -> None:
        self.told += 1


async def test_a_client_certificate_is_asked_for_kept_and_due_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, client_certificate("n1"))
    assert bench.rotator.due_in() == 0
    await bench.rotator.renew()
    asked = bench.api.asked[0].spec
    assert (asked.signerName, asked.usages) == ("kubernetes.io/kube-apiserver-client-kubelet", ["digital signature", "client auth"])
    assert x509.load_pem_x509_csr(asked.request).subject.rfc4514_string() == "CN=system:node:n1,O=system:nodes"
    current = tmp_path / "pki/kubelet-client-current.pem"
    assert current.readlink() == Path("kubelet-client-2026-01-02-03-04-07.pem")
    assert current.stat().st_mode & 0o777 == 0o600
    x509.load_pem_x509_certificate(current.read_bytes())
    serialization.load_pem_private_key(current.read_bytes(), None)
    assert bench.told == 1
    assert bench.rotator.due_in() == pytest.approx(8 * DAY, abs=5)
    bench.clock.move(9 * DAY)
    assert bench.rotator.due_in() < 0


async def test_a_serving_certificate_has_the_nodes_names(tmp_path: Path) -> None:
    bench = Bench(tmp_path, serving_certificate("n1", ["10.0.0.1"]))
    await bench.rotator.renew()
    asked = bench.api.asked[0].spec
    assert (asked.signerName, asked.usages[1]) == ("kubernetes.io/kubelet-serving", "server auth")
    names = x509.load_pem_x509_csr(asked.request).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["n1", "10.0.0.1"]


@pytest.mark.parametrize("kind", ["Denied", "Failed"])
async def test_a_request_that_is_refused_changes_nothing(tmp_path: Path, kind: str) -> None:
    bench = Bench(tmp_path, client_certificate("n1"))
    await bench.rotator.renew()
    before = bench.rotator.current.readlink()
    bench.api.condition = CertificateSigningRequestCondition(type=kind, status="True", reason="Why", message="not you")
    with pytest.raises(RequestError, match=f"is {kind.lower()}, reason: Why, message: not you"):
        await bench.rotator.renew()
    assert bench.rotator.current.readlink() == before


async def test_a_request_that_nobody_answers_is_given_up(tmp_path: Path) -> None:
    bench = Bench(tmp_path, client_certificate("n1"))
    bench.api.condition = CertificateSigningRequestCondition(type="Approved", status="True")
    with pytest.raises(RequestError, match="was not answered in 900 s"):
        await bench.rotator.renew()


async def test_it_begins_with_the_kubeconfigs_and_goes_on_with_its_own(tmp_path: Path) -> None:
    bench = Bench(tmp_path, client_certificate("n1"))
    await bench.rotator.renew()
    given = tmp_path / "given.pem"
    given.write_bytes(bench.rotator.current.read_bytes())
    life = lifetime(given)
    fresh = tmp_path / "other/kubelet-client-current.pem"
    adopt(fresh, str(given), str(given), bench.clock.now())
    assert lifetime(fresh) == life
    (tmp_path / "given.pem").write_text("gone")
    adopt(fresh, str(given), str(given), bench.clock.now())
    assert lifetime(fresh) == life
