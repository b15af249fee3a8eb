from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sagong.store.base import StoreOpenError
from sagong.store.sqlite import SqliteStore

KEY = "/registry/pods/default/a"


async def filled(path: Path, objects: int = 500) -> None:
    store = await SqliteStore.open(path)
    for number in range(objects):
        await store.write(f"{KEY}{number}", b"x" * 300, 0)
    await store.close()


async def refused(path: Path, message: str) -> None:
    before = path.read_bytes() if path.exists() else b""
    with pytest.raises(StoreOpenError, match=message) as error:
        await SqliteStore.open(path)
    assert "\n" not in str(error.value)
    assert (path.read_bytes() if path.exists() else b"") == before


async def test_another_kind_of_file(tmp_path: Path) -> None:
    path = tmp_path / "store"
    path.write_text("hello, this is no database")
    await refused(path, "damaged .it is not a SQLite file.: restore it from a backup, or move it away")


async def test_another_programs_database(tmp_path: Path) -> None:
    path = tmp_path / "store"
    code = "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute('create table t(x)'); c.commit()"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    await refused(path, "of another program: choose another path")


async def test_a_newer_version(tmp_path: Path) -> None:
    path = tmp_path / "store"
    await filled(path, 1)
    content = bytearray(path.read_bytes())
    content[60:64] = (9).to_bytes(4, "big")
    path.write_bytes(content)
    await refused(path, r"from a newer Sagong \(format 9, this one reads up to 1\): upgrade Sagong")


async def test_damaged_pages(tmp_path: Path) -> None:
    path = tmp_path / "store"
    await filled(path)
    content = bytearray(path.read_bytes())
    content[8192:40960] = b"\xa5" * 32768
    path.write_bytes(content)
    await refused(path, "is damaged")


async def test_a_log_that_contradicts_itself(tmp_path: Path) -> None:
    path = tmp_path / "store"
    await filled(path, 3)
    store = await SqliteStore.open(path)
    await store.write(f"{KEY}1", b"", 2)
    await store.close()
    code = "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute('delete from log where revision=2'); c.commit()"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    await refused(path, "revision 4 of .* replaces 2, which is missing")


async def test_a_missing_directory(tmp_path: Path) -> None:
    await refused(tmp_path / "none" / "store", "there is no directory .*none: create it")


async def test_a_store_in_use_is_not_opened_twice(tmp_path: Path) -> None:
    path = tmp_path / "store"
    store = await SqliteStore.open(path)
    code = "import asyncio,sys; from sagong.store.sqlite import SqliteStore; asyncio.run(SqliteStore.open(sys.argv[1]))"
    second = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert second.returncode
    assert "is in use by process " in second.stderr.splitlines()[-1]
    await store.write(KEY, b"", 0)
    await store.close()
    await (await SqliteStore.open(path)).close()


async def test_a_copy_made_while_it_runs_opens(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store")
    await store.write(KEY, b"1", 0)
    for name in ("store", "store-wal"):
        shutil.copy(tmp_path / name, tmp_path / f"copy{name[5:]}")
    await store.close()
    copy = await SqliteStore.open(tmp_path / "copy")
    assert copy.revision == 1
    await copy.close()
