"""Which function serves which verb."""

from __future__ import annotations

import pytest

from sagong.api.errors import MethodNotAllowedError
from sagong.api.resources import TABLE
from sagong.server.registry import connect, serving


@pytest.mark.parametrize("plural", ["pods", "services", "nodes"])
@pytest.mark.parametrize("verb", ["get", "create", "update", "patch", "delete", ""])
def test_a_proxy_takes_every_method_options_too(plural: str, verb: str) -> None:
    row = TABLE.by_path("", "v1", plural)
    assert row is not None
    proxy = row.subresource("proxy")
    assert proxy is not None
    assert serving.sub_verb(row, proxy, verb) is connect.connect


def test_other_subresources_do_not() -> None:
    row = TABLE.by_path("", "v1", "pods")
    assert row is not None
    for name, verb in (("log", ""), ("log", "create"), ("status", "delete"), ("exec", "delete")):
        sub = row.subresource(name)
        assert sub is not None
        with pytest.raises(MethodNotAllowedError):
            serving.sub_verb(row, sub, verb)
