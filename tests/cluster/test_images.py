"""The images we assemble: an OCI layout that names them, with the files where they belong."""

import io
import json
import tarfile
from pathlib import Path

from sagong.cluster import images


def made(tmp_path: Path) -> tarfile.TarFile:
    for name in ("catatonit", "busybox"):
        (tmp_path / name).write_bytes(name.encode())
    built = images.built_in(
        tmp_path / "catatonit", tmp_path / "busybox", ("/opt/python/3.11", "/lib64"), {"usr/bin/getent": (b"getent", 0o755)}
    )
    return tarfile.open(fileobj=io.BytesIO(images.archive(built)))


def blob(archive: tarfile.TarFile, digest: str) -> bytes:
    stream = archive.extractfile(f"blobs/sha256/{digest.removeprefix('sha256:')}")
    assert stream is not None
    return stream.read()


def test_every_image_is_named_and_has_its_files(tmp_path: Path) -> None:
    with made(tmp_path) as archive:
        stream = archive.extractfile("index.json")
        assert stream is not None
        index = json.loads(stream.read())
        found = {}
        for entry in index["manifests"]:
            manifest = json.loads(blob(archive, entry["digest"]))
            with tarfile.open(fileobj=io.BytesIO(blob(archive, manifest["layers"][0]["digest"]))) as layer:
                found[entry["annotations"]["io.containerd.image.name"]] = set(layer.getnames())
    assert "pause" in found[images.PAUSE]
    assert {"bin/busybox", "bin/sh", "usr/bin/getent", "www/index.html"} <= found[images.HELLO]
    assert {"opt/python/3.11", "opt/python", "lib64", "proc"} <= found[images.PYTHON]


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    built = images.built_in(tmp_path / "x", tmp_path / "x", (), {})
    assert images.archive(built) == images.archive(built)


def test_a_program_comes_with_its_libraries() -> None:
    files = images.with_libraries(Path("/usr/bin/getent"))
    assert files["usr/bin/getent"][0] == Path("/usr/bin/getent").read_bytes()
    assert any("libc.so" in path for path in files)
    assert any("/ld-linux" in path for path in files)
