"""Whether this process may be spared when memory runs out: lowering the score takes CAP_SYS_RESOURCE, which not every host grants."""

from __future__ import annotations

from pathlib import Path

OWN = Path("/proc/self/oom_score_adj")


def set_own(score: int, file: Path = OWN) -> bool:
    """Set this process's score, -1000 (never killed) to 1000; say whether the host lets us."""
    try:
        file.write_text(str(score))
    except OSError:
        return False
    return True


def may_lower(file: Path = OWN) -> bool:
    """Tell whether the host lets this process, and what it starts, have a lower score; its own stays as it was."""
    before = int(file.read_text())
    allowed = set_own(max(before - 1, -1000), file)
    if allowed:
        set_own(before, file)
    return allowed
