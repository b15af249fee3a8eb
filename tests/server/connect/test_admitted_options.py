from __future__ import annotations

from sagong.server.messages import Peer, Request
from sagong.server.registry.connect import _take


def test_a_stream_is_what_admission_made_of_its_options() -> None:
    request = Request("POST", "/exec?container=a&stdin=1&stdout=true&command=x", {}, b"", Peer())
    asked = {"kind": "PodExecOptions", "stdin": True, "stdout": True, "container": "a", "command": ["x"]}
    _take(request, "exec", asked, asked)
    assert request.query_string == "container=a&stdin=1&stdout=true&command=x"
    _take(request, "exec", asked, {**asked, "stdin": False, "container": "b", "command": ["y", "z z"]})
    assert request.query == {"stdout": ["true"], "container": ["b"], "command": ["y", "z z"]}
    assert not request.flag("stdin")
