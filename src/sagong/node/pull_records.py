"""Which images this kubelet has pulled, and with whose secrets: a pod may use a private image only if it could pull it (KEP-2535).

<root>/image_manager/pulled/<hash of the image's id>    who may use the image, under each of its names
<root>/image_manager/pulling/<hash of a name>           a pull that has begun: should the kubelet die, its outcome is not trusted

Images that were there without the kubelet (imported, built in) are everyone's, as are those pulled without a secret.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

log = logging.getLogger(__name__)
_MOST = 100  # secrets remembered for one name


class SecretUse(msgspec.Struct, frozen=True):
    """A secret by identity, and a hash of what it holds for a registry."""

    uid: str
    namespace: str
    name: str
    hash: str

    def same_secret(self, other: SecretUse) -> bool:
        """Tell whether both are one object, whatever it held when."""
        return (self.uid, self.namespace, self.name) == (other.uid, other.namespace, other.name)


class Access(msgspec.Struct):
    """Who may use an image under one name."""

    everyone: bool = False
    secrets: list[SecretUse] = msgspec.field(default_factory=list)


class Record(msgspec.Struct):
    """One image that the kubelet has pulled."""

    image: str
    names: dict[str, Access] = msgspec.field(default_factory=dict)


_decoder = msgspec.json.Decoder(Record)


class PullRecords:
    """The records of one node."""

    def __init__(self, root: Path) -> None:
        self._pulled = root / "image_manager" / "pulled"
        self._pulling = root / "image_manager" / "pulling"
        self._folders = (self._pulling, self._pulled)

    @contextmanager
    def pulling(self, reference: str) -> Iterator[None]:
        """Note that the image is being pulled, for as long as it is."""
        note = self._pulling / _hash(reference)
        try:
            note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            note.write_text(reference)
        except OSError as error:
            log.warning("pull of %s not noted: %s", reference, error)
        try:
            yield
        finally:
            note.unlink(missing_ok=True)

    def pulled(self, reference: str, image: str, secret: SecretUse | None) -> None:
        """Note who pulled the image: a pod with a secret, or None, anyone."""
        record = self._read(image) or Record(image)
        access = record.names.setdefault(_bare(reference), Access())
        if secret is None:
            access.everyone, access.secrets = True, []
        elif not access.everyone and secret not in access.secrets:
            access.secrets = [*(known for known in access.secrets if not known.same_secret(secret)), secret][-_MOST:]
        self._write(record)

    def known(self, reference: str, image: str) -> Access | None:
        """Return who may use the image; None is everyone, since the kubelet has not pulled it."""
        record = self._read(image)
        if record is None:
            return Access() if (self._pulling / _hash(reference)).exists() else None
        return record.names.get(_bare(reference), Access())

    def admits(self, reference: str, image: str, access: Access, secrets: Iterable[SecretUse]) -> bool:
        """Tell whether a pod with these secrets may use the image without pulling it: it has one that the image was pulled with."""
        for secret in secrets:
            for known in access.secrets:
                if secret.hash == known.hash or secret.same_secret(known):
                    if secret != known:
                        self.pulled(reference, image, secret)
                    return True
        return False

    def counts(self) -> tuple[int, int]:
        """Return how many pulls are noted as begun, and how many images as pulled."""
        pulling, pulled = ([file for file in folder.iterdir() if not file.suffix] if folder.is_dir() else () for folder in self._folders)
        return len(pulling), len(pulled)

    def prune(self, images: Collection[str]) -> None:
        """Drop the records of images that are gone."""
        kept = {_hash(image) for image in images}
        for file in self._pulled.iterdir() if self._pulled.is_dir() else ():
            if file.name not in kept:
                file.unlink(missing_ok=True)

    def _read(self, image: str) -> Record | None:
        try:
            return _decoder.decode((self._pulled / _hash(image)).read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError):
            return Record(image)  # it was pulled by the kubelet, and nothing more is known

    def _write(self, record: Record) -> None:
        file = self._pulled / _hash(record.image)
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = file.with_suffix(".new")
            fresh.write_bytes(msgspec.json.encode(record))
            fresh.rename(file)
        except OSError as error:
            log.warning("pull of %s not recorded: %s", record.image, error)


def _bare(reference: str) -> str:
    """Return an image's name without tag and digest."""
    name = reference.partition("@")[0]
    return name[: name.rfind(":")] if name.rfind(":") > name.rfind("/") else name


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
