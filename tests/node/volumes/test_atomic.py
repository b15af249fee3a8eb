"""The atomic writer: all files of a version at once, nothing written when nothing changed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sagong.node.volumes.atomic import File, write

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def files(**contents: bytes) -> dict[str, File]:
    return {name.replace("__", "/"): File(data, 0o640) for name, data in contents.items()}


def test_users_see_links_through_data(tmp_path: Path) -> None:
    assert write(tmp_path, files(key=b"1", sub__deep=b"2"), NOW)
    assert (tmp_path / "key").readlink() == Path("..data/key")
    assert (tmp_path / "..data").readlink() == Path("..2026_01_02_03_04_05.000678")
    assert (tmp_path / "sub/deep").read_bytes() == b"2"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o640


def test_a_new_version_replaces_the_old_one_and_its_files(tmp_path: Path) -> None:
    write(tmp_path, files(key=b"1", gone=b"x", sub__deep=b"2"), NOW)
    handle = (tmp_path / "..data").resolve()
    assert write(tmp_path, files(key=b"2", new=b"y"), NOW)
    assert sorted(entry.name for entry in tmp_path.iterdir() if not entry.name.startswith("..")) == ["key", "new"]
    assert (tmp_path / "key").read_bytes() == b"2"
    assert not handle.exists()


def test_the_same_version_is_not_written_again(tmp_path: Path) -> None:
    write(tmp_path, files(key=b"1"), NOW)
    before = (tmp_path / "..data").readlink()
    assert not write(tmp_path, files(key=b"1"), NOW)
    assert (tmp_path / "..data").readlink() == before


def test_an_empty_version_shows_nothing(tmp_path: Path) -> None:
    write(tmp_path, files(key=b"1"), NOW)
    assert write(tmp_path, {}, NOW)
    assert [entry for entry in tmp_path.iterdir() if not entry.name.startswith("..")] == []


def test_a_failing_owner_leaves_the_old_version(tmp_path: Path) -> None:
    write(tmp_path, files(key=b"1"), NOW)

    def refuse(path: Path) -> None:
        raise PermissionError

    with pytest.raises(PermissionError):
        write(tmp_path, files(key=b"2"), NOW, refuse)
    assert (tmp_path / "key").read_bytes() == b"1"
    assert len([entry for entry in tmp_path.iterdir() if entry.name.startswith("..2026")]) == 1


@pytest.mark.parametrize("path", ["", "/etc/passwd", "a/../../b", "..data", "x" * 300])
def test_paths_that_would_leave_or_confuse_the_folder_are_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match="invalid path"):
        write(tmp_path, {path: File(b"", 0o644)}, NOW)
