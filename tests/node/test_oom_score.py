"""Scores for lack of memory: tried on a file, and on this process, which keeps its own."""

from __future__ import annotations

from pathlib import Path

from sagong.node import oom_score


def test_the_own_score_is_as_before_after_trying(tmp_path: Path) -> None:
    before = oom_score.OWN.read_text()
    oom_score.may_lower()
    assert oom_score.OWN.read_text() == before
    file = tmp_path / "score"
    file.write_text("-1000\n")
    assert oom_score.may_lower(file)
    assert file.read_text() == "-1000"
    assert oom_score.set_own(-999, file)
    assert file.read_text() == "-999"


def test_a_host_that_refuses_is_no_error(tmp_path: Path) -> None:
    assert not oom_score.set_own(0, tmp_path / "none" / "score")
