"""What can go wrong with an expression: it does not compile, it fails on these values, or it costs too much."""

from __future__ import annotations

from dataclasses import dataclass

_MOST_REPORTED = 100
_LONGEST_SNIPPET = 16384
_ASCII_END = 0x80


class CelError(Exception):
    """Any of them; `str()` is the text that users of Kubernetes know."""


class EvaluationError(CelError):
    """The expression failed on these values: `no such key: a`, `division by zero`. `&&` and `||` may absorb it."""


class CostExceeded(CelError):  # noqa: N818 - a limit, not a mistake
    """The evaluation was cut off. `budget` tells whether the shared budget ran out, or this one call cost too much."""

    def __init__(self, *, budget: bool = False) -> None:
        super().__init__("operation cancelled: actual cost limit exceeded")
        self.budget = budget


@dataclass(frozen=True, slots=True)
class Issue:
    """One fault in the text, at a code point offset."""

    offset: int
    message: str

    def display(self, source: str) -> str:
        """Return the message with line, column (from 1) and the line with a mark below it."""
        line = source.count("\n", 0, self.offset) + 1
        start = source.rfind("\n", 0, self.offset) + 1
        column = self.offset - start
        header = f"ERROR: <input>:{line}:{column + 1}: {self.message}"
        snippet = source[start:].split("\n", 1)[0].replace("\t", " ")
        if len(snippet) > _LONGEST_SNIPPET:
            return header
        dots = "".join("." if ord(c) < _ASCII_END else "\uff0e" for c in snippet[:column])
        wide = column < len(snippet) and ord(snippet[column]) >= _ASCII_END
        mark = "\uff3e" if wide else "^"
        return f"{header}\n | {snippet}\n | {dots}{mark}"


class CompileError(CelError):
    """The text is not a valid expression here; `issues` in the order of the text."""

    def __init__(self, source: str, issues: list[Issue]) -> None:
        self.issues = tuple(sorted(issues, key=lambda issue: issue.offset))
        shown = [issue.display(source) for issue in self.issues[:_MOST_REPORTED]]
        if len(issues) > _MOST_REPORTED:
            shown.append(f"{len(issues) - _MOST_REPORTED} more errors were truncated")
        super().__init__("\n".join(shown))
