"""The images that Sagong brings itself, assembled from Debian's static binaries: no registry is needed.

- pause: catatonit -P, the sandbox's first process.
- python: nothing but mount points; control-plane pods mount this machine's interpreter into it, read-only.
- hello: busybox httpd with one page on port 8080, to try a cluster with.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

PAUSE = "sagong.local/pause:1.0"
PYTHON = "sagong.local/python:1.0"
HELLO = "sagong.local/hello:1.0"

_PAGE = "<!doctype html>\n<title>Sagong</title>\n<h1>Hello from Sagong</h1>\n"
_SERVE = """#!/bin/sh
# A container's first process gets no signal that it does not ask for, and httpd asks for none.
echo "$(hostname)" > /www/hostname
/bin/busybox httpd -f -vv -p 8080 -h /www &
trap 'kill $!; exit 0' TERM
wait $!
"""


@dataclass(frozen=True, slots=True)
class Image:
    """One single-layer image: files (path -> content, mode), directories, links, and its run configuration."""

    reference: str
    files: dict[str, tuple[bytes, int]]
    directories: tuple[str, ...] = ()
    links: dict[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()


def with_libraries(program: Path) -> dict[str, tuple[bytes, int]]:
    """Return a program of this machine and the shared libraries it needs, by path in an image."""
    listed = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout  # noqa: S603, S607 - libc's own tool
    libraries = {Path(word) for line in listed.splitlines() for word in line.split() if word.startswith("/")}
    return {str(path).lstrip("/"): (path.read_bytes(), 0o755) for path in (program, *sorted(libraries))}


def built_in(catatonit: Path, busybox: Path, mount_points: tuple[str, ...], resolver: dict[str, tuple[bytes, int]]) -> tuple[Image, ...]:
    """Return the images; the binaries are read from this machine, `mount_points` are made as directories in `python`.

    `resolver` is getent with its libraries: the static busybox cannot look up names, since glibc loads its resolver at run time.
    """
    shell = busybox.read_bytes()
    applets = ("sh", "cat", "ls", "ps", "nslookup", "sleep", "vi", "env", "hostname", "httpd", "tar", "id", "kill", "echo", "date")
    return (
        Image(PAUSE, {"pause": (catatonit.read_bytes(), 0o755)}, entrypoint=("/pause", "-P")),
        Image(PYTHON, {}, directories=("tmp", "proc", "sys", "dev", "etc", "run", *(p.strip("/") for p in mount_points))),
        Image(
            HELLO,
            {
                "bin/busybox": (shell, 0o755),
                "bin/serve": (_SERVE.encode(), 0o755),
                **resolver,
                "www/index.html": (_PAGE.encode(), 0o644),
                "etc/passwd": (b"root:x:0:0:root:/:/bin/sh\n", 0o644),
            },
            directories=("tmp", "etc", "www"),
            links={f"bin/{applet}": "busybox" for applet in applets},
            command=("/bin/serve",),
            ports=(8080,),
        ),
    )


def archive(images: tuple[Image, ...]) -> bytes:
    """Return an OCI image layout as a tar, the form `ctr images import` reads (OCI image-spec, image-layout)."""
    blobs: dict[str, bytes] = {}

    def add(data: bytes, media_type: str) -> dict[str, object]:
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    manifests = []
    for image in images:
        layer = _layer(image)
        config = msgspec.json.encode(_config(image, layer))
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": add(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [add(layer, "application/vnd.oci.image.layer.v1.tar")],
        }
        entry = add(msgspec.json.encode(manifest), "application/vnd.oci.image.manifest.v1+json")
        names = {"io.containerd.image.name": image.reference, "org.opencontainers.image.ref.name": image.reference.rsplit(":", 1)[1]}
        manifests.append({**entry, "annotations": names})
    files = {f"blobs/sha256/{digest}": data for digest, data in blobs.items()}
    files["oci-layout"] = b'{"imageLayoutVersion":"1.0.0"}'
    files["index.json"] = msgspec.json.encode({"schemaVersion": 2, "manifests": manifests})
    return _tar({path: (data, 0o644) for path, data in files.items()}, ("blobs", "blobs/sha256"), {})


def _config(image: Image, layer: bytes) -> dict[str, object]:
    run: dict[str, object] = {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], "WorkingDir": "/"}
    if image.entrypoint:
        run["Entrypoint"] = list(image.entrypoint)
    if image.command:
        run["Cmd"] = list(image.command)
    if image.ports:
        run["ExposedPorts"] = {f"{port}/tcp": {} for port in image.ports}
    return {
        "architecture": _architecture(),
        "os": "linux",
        "config": run,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }


def _architecture() -> str:
    machine = Path("/proc/sys/kernel/arch")
    name = machine.read_text().strip() if machine.exists() else "x86_64"
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(name, name)


def _layer(image: Image) -> bytes:
    return _tar(image.files, image.directories, image.links)


def _tar(files: dict[str, tuple[bytes, int]], directories: tuple[str, ...], links: dict[str, str]) -> bytes:
    """Return a reproducible tar: no times, no owners, parents before children."""
    parents = {str(p) for path in (*files, *links, *directories) for p in Path(path).parents if str(p) != "."}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for directory in sorted(parents | set(directories)):
            info = tarfile.TarInfo(directory)
            info.type, info.mode = tarfile.DIRTYPE, 0o1777 if directory == "tmp" else 0o755
            tar.addfile(info)
        for path, (data, mode) in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(data), mode
            tar.addfile(info, io.BytesIO(data))
        for path, target in links.items():
            info = tarfile.TarInfo(path)
            info.type, info.linkname, info.mode = tarfile.SYMTYPE, target, 0o777
            tar.addfile(info)
    return buffer.getvalue()
