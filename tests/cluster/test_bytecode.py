from __future__ import annotations

import os
from pathlib import Path

from sagong.cluster import bytecode


def test_compiles_what_is_stale_and_nothing_else(tmp_path: Path) -> None:
    module = tmp_path / "package" / "module.py"
    module.parent.mkdir()
    module.write_text("A = 1\n")
    compiling = bytecode.refresh(tmp_path)
    assert compiling is not None
    assert compiling.wait() == 0
    assert bytecode.is_current(module)
    assert bytecode.refresh(tmp_path) is None

    module.write_text("A = 12\n")
    assert not bytecode.is_current(module)
    later = module.stat().st_mtime + 10
    os.utime(module, (later, later))
    assert not bytecode.is_current(module)
    compiling = bytecode.refresh(tmp_path)
    assert compiling is not None
    assert compiling.wait() == 0
    assert bytecode.is_current(module)
