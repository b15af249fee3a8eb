"""The user's kubeconfig: our entries come and go, the rest stays; what is no kubeconfig is refused untouched."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sagong.cluster import user_kubeconfig
from sagong.cluster.config import ConfigError


def admin(server: str = "https://127.0.0.1:6443") -> dict[str, Any]:
    return {
        "clusters": [{"name": "sagong", "cluster": {"server": server}}],
        "users": [{"name": "sagong", "user": {}}],
        "contexts": [{"name": "sagong", "context": {"cluster": "sagong", "user": "sagong"}}],
    }


OTHER = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "work", "cluster": {"server": "https://work"}}],
    "users": [{"name": "me", "user": {"token": "t"}}],
    "contexts": [{"name": "work", "context": {"cluster": "work", "user": "me"}}],
    "current-context": "work",
    "preferences": {"colors": True},
}


def test_an_absent_file_is_made_private(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "config"
    user_kubeconfig.add(file, admin())
    assert yaml.safe_load(file.read_text())["current-context"] == "sagong"
    assert file.stat().st_mode & 0o777 == 0o600


def test_other_entries_stay_through_add_and_remove(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(OTHER))
    user_kubeconfig.add(file, admin())
    user_kubeconfig.add(file, admin("https://127.0.0.1:7443"))
    merged = yaml.safe_load(file.read_text())
    assert [c["name"] for c in merged["clusters"]] == ["work", "sagong"]
    assert merged["clusters"][1]["cluster"]["server"] == "https://127.0.0.1:7443"
    user_kubeconfig.remove(file)
    assert yaml.safe_load(file.read_text()) == OTHER


def test_nothing_is_written_when_nothing_changes(tmp_path: Path) -> None:
    file = tmp_path / "config"
    user_kubeconfig.add(file, admin())
    inode = file.stat().st_ino
    user_kubeconfig.add(file, admin())
    assert file.stat().st_ino == inode


@pytest.mark.parametrize("content", [b"- a list", b"clusters: {}\nusers: 3", b"{{{", b"\xff\xfe", b"just text"])
def test_what_is_no_kubeconfig_is_refused_and_left(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "config"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"kubeconfig.*mend or move it, or start with --no-kubeconfig"):
        user_kubeconfig.add(file, admin())
    assert file.read_bytes() == content


def test_the_first_file_of_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/a/b:/c")
    assert user_kubeconfig.path() == Path("/a/b")
