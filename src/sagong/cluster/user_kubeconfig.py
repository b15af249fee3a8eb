"""The context that `sagong start` adds to the user's kubeconfig, and `sagong delete` takes out. Everything else in the file stays."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from sagong.cluster.config import ConfigError, write_file

CONTEXT = "sagong"
_LISTS = ("clusters", "users", "contexts")


def path() -> Path:
    """Return the file kubectl writes to: the first of $KUBECONFIG, else ~/.kube/config."""
    first = os.environ.get("KUBECONFIG", "").split(":")[0]
    return Path(first) if first else Path.home() / ".kube" / "config"


def read(file: Path) -> dict[str, Any]:
    """Read a kubeconfig; an absent or empty file is an empty one. Raises ConfigError when it is something else."""
    try:
        document = yaml.safe_load(file.read_text())
    except FileNotFoundError:
        document = None
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not YAML"
        raise ConfigError(f"cannot read the kubeconfig {file}: {reason}; mend or move it, or start with --no-kubeconfig") from error
    if document is None:
        return {"apiVersion": "v1", "kind": "Config"}
    if not isinstance(document, dict) or any(not isinstance(document.get(key) or [], list) for key in _LISTS):
        raise ConfigError(f"the file {file} is not a kubeconfig; mend or move it, or start with --no-kubeconfig")
    return document


def add(file: Path, admin: dict[str, Any]) -> None:
    """Put the cluster, user and context of `admin` in, and make the context current. Nothing is written when nothing changes."""
    document = read(file)
    before = yaml.safe_dump(document)
    for key in _LISTS:
        others = [entry for entry in document.get(key) or [] if entry.get("name") != CONTEXT]
        document[key] = [*others, *admin[key]]
    document["current-context"] = CONTEXT
    if yaml.safe_dump(document) != before:
        write_file(file, yaml.safe_dump(document, sort_keys=False).encode(), 0o600)


def remove(file: Path) -> None:
    """Take our entries out; a file that has none of them is left as it is."""
    if not file.exists():
        return
    document = read(file)
    if not any(entry.get("name") == CONTEXT for key in _LISTS for entry in document.get(key) or []):
        return
    for key in _LISTS:
        document[key] = [entry for entry in document.get(key) or [] if entry.get("name") != CONTEXT]
    if document.get("current-context") == CONTEXT:
        document["current-context"] = document["contexts"][0]["name"] if document["contexts"] else ""
    write_file(file, yaml.safe_dump(document, sort_keys=False).encode(), 0o600)
