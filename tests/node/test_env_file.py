"""Files of variables, line by line."""

from __future__ import annotations

import pytest

from sagong.node.env_file import EnvFileError, value_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A='1'", "1"),
        ("  A='1'  # why", "1"),
        ("# A='0'\n\n\t\nB='2'\nA='1'\n", "1"),
        ("A='1'\nA='2'", "1"),
        ("A='one\ntwo # no comment\n  three'\nB='x'", "one\ntwo # no comment\n  three"),
        ("A='a=b \"$HOME\" \\n'", 'a=b "$HOME" \\n'),
        ("A= '1'", ""),
        ("A=''", ""),
        ("B='1'", ""),
        ("", ""),
        ("A='1'\nbroken", "1"),
        ("A='1'\r\n", "1"),
    ],
)
def test_values(text: str, expected: str) -> None:
    assert value_of(text, "A") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("broken\nA='1'", "line 1: missing '='"),
        ("\n='1'", "line 2: empty variable name"),
        ("A ='1'", "line 1: whitespace before '=' is not allowed"),
        ("A=1", "line 1: value must be enclosed in single quotes"),
        ('A="1"', "line 1: value must be enclosed in single quotes"),
        ("A=", "line 1: value must be enclosed in single quotes"),
        ("A='1'x", "line 1: unexpected content after closing quote"),
        ("\nA='1\n2", "starting at line 2: unclosed single quote"),
    ],
)
def test_what_is_no_assignment(text: str, message: str) -> None:
    with pytest.raises(EnvFileError) as caught:
        value_of(text, "A")
    assert str(caught.value) == message
