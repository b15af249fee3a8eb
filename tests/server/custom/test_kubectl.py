"""Custom resources as users of kubectl see them."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.server.custom.support import ANY, CRDS, GROUP, condition, define, definition, until, version
from tests.server.harness import Api, running
from tests.server.test_kubectl import Kubectl

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")

FOO = {
    "description": "Foo CRD for Testing",
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "description": "Specification of Foo",
            "properties": {
                "bars": {
                    "description": "List of Bars and their specs.",
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {
                            "name": {"description": "Name of Bar.", "type": "string"},
                            "feeling": {"description": "Whether Bar is feeling great.", "type": "string", "enum": ["Great", "Down"]},
                            "bazs": {"description": "List of Bazs.", "items": {"type": "string"}, "type": "array"},
                        },
                    },
                }
            },
        },
        "status": {"description": "Status of Foo", "type": "object", "properties": {"ready": {"type": "boolean"}}},
    },
}


def foo(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": f"{GROUP}/v1", "kind": "Foo", "metadata": {"name": "test-foo"}, "spec": spec}


async def swagger(api: Api, name: str) -> Any:
    return (await api.ok("GET", "/openapi/v2"))["definitions"].get(name)


async def test_kubectl_works_with_a_schema(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        kubectl = Kubectl(api, tmp_path)
        await define(api, definition("foos", "Foo", version(schema=FOO)))
        published = await swagger(api, "com.example.stable.v1.Foo")
        assert published["properties"]["spec"] == FOO["properties"]["spec"]  # type: ignore[index] # a schema
        valid = foo(bars=[{"name": "test-bar"}])
        assert await kubectl.ok("create", "-f", "-", given=valid) == f"foo.{GROUP}/test-foo created\n"
        await kubectl.ok("delete", "foos", "test-foo")
        assert await kubectl.ok("apply", "-f", "-", given=valid) == f"foo.{GROUP}/test-foo created\n"
        assert await kubectl.ok("apply", "-f", "-", given=valid) == f"foo.{GROUP}/test-foo unchanged\n"
        more = foo(bars=[{"name": "test-bar"}, {"name": "b", "feeling": "Great"}])
        assert await kubectl.ok("apply", "-f", "-", given=more) == f"foo.{GROUP}/test-foo configured\n"
        assert await kubectl.ok("apply", "--server-side", "--force-conflicts", "-f", "-", given=valid) == (
            f"foo.{GROUP}/test-foo serverside-applied\n"
        )
        assert json.loads(await kubectl.ok("get", "foo", "test-foo", "-o", "json"))["spec"] == {"bars": [{"name": "test-bar"}]}
        assert await kubectl.ok("label", "foo/test-foo", "a=b") == f"foo.{GROUP}/test-foo labeled\n"
        for wrong, message in (
            (foo(bars=[{"name": "b", "feeling": "NonExistentValue"}]), 'Unsupported value: "NonExistentValue"'),
            (foo(foo=True), 'unknown field "spec.foo"'),
            (foo(bars=[{"feeling": "Great"}]), "spec.bars[0].name: Required value"),
        ):
            for verb in ("create", "apply"):
                if verb == "create":
                    wrong["metadata"] = {"name": "other"}
                code, _, err = await kubectl(verb, "-f", "-", given=wrong)
                assert (code, message in err) == (1, True), err
        for path, pattern in (
            (
                "foos",
                r"(?s)DESCRIPTION:.*Foo CRD for Testing.*FIELDS:.*apiVersion.*<string>.*APIVersion defines.*spec.*Specification of Foo",
            ),
            (
                "foos.metadata",
                r"(?s)DESCRIPTION:.*Standard object's metadata.*FIELDS:.*creationTimestamp.*<string>.*CreationTimestamp is a timestamp",
            ),
            ("foos.spec", r"(?s)DESCRIPTION:.*Specification of Foo.*FIELDS:.*bars.*<\[\]Object>.*List of Bars and their specs"),
            (
                "foos.spec.bars",
                r"(?s)(FIELD|RESOURCE):.*bars.*<\[\]Object>.*DESCRIPTION:.*List of Bars and their specs.*FIELDS:.*bazs.*<\[\]string>",
            ),
        ):
            assert re.search(pattern, await kubectl.ok("explain", path)), await kubectl.ok("explain", path)
        code, _, err = await kubectl("explain", "foos.spec.bars2")
        assert (code, 'field "bars2" does not exist' in err) == (1, True)
        waiting = asyncio.ensure_future(kubectl.ok("wait", "--for=delete", "foo/test-foo", "--timeout=10s"))
        await kubectl.ok("delete", "crd", f"foos.{GROUP}")
        await waiting
        assert await swagger(api, "com.example.stable.v1.Foo") is None


async def test_kubectl_lets_unknown_fields_pass_where_the_schema_does(tmp_path: Path) -> None:
    nested = {
        "description": "preserve-unknown-properties in nested field for Testing",
        "type": "object",
        "properties": {"spec": {"description": "Specification of Waldo", "type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    cases: list[tuple[str, Any, Any, str]] = [
        ("empties", ANY, {"a": {"b": [{"c": "d"}]}}, r"(?s)DESCRIPTION:.*<empty>"),
        ("nesteds", nested, {"spec": {"a": None, "b": [{"c": "d"}]}}, r"(?s)DESCRIPTION:.*preserve-unknown-properties in nested field"),
    ]
    async with running(tmp_path) as api:
        kubectl = Kubectl(api, tmp_path)
        for plural, schema, content, pattern in cases:
            kind = plural.removesuffix("s").capitalize()
            await define(api, definition(plural, kind, version(schema=schema)))
            obj = {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": "x"}, **content}
            await kubectl.ok("create", "-f", "-", given=obj)
            await kubectl.ok("delete", plural, "x")
            await kubectl.ok("apply", "-f", "-", given=obj)
            name = next(iter(content))
            made = await api.ok("POST", f"/apis/{GROUP}/v1/namespaces/default/{plural}", {**obj, "metadata": {"name": "y"}})
            assert made[name] == content[name]
            assert re.search(pattern, await kubectl.ok("explain", plural))
        assert (await swagger(api, "com.example.stable.v1.Emptie"))["type"] == "object"
        assert "properties" not in await swagger(api, "com.example.stable.v1.Emptie")


async def test_published_versions_follow_the_definition(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        found = await define(api, definition("foos", "Foo", version("v2", FOO), version("v3", FOO, storage=False)))
        assert await swagger(api, "com.example.stable.v2.Foo")
        assert await swagger(api, "com.example.stable.v3.Foo")
        path = f"{CRDS}/foos.{GROUP}"
        rename = [{"op": "replace", "path": "/spec/versions/1/name", "value": "v4"}]
        await api.ok("PATCH", path, rename, Content_Type="application/json-patch+json")
        await until(api, "/openapi/v2", lambda answer: "com.example.stable.v4.Foo" in answer.body["definitions"])
        assert await swagger(api, "com.example.stable.v3.Foo") is None
        assert (await api("GET", f"/openapi/v3/apis/{GROUP}/v4")).status == 200
        stop = [{"op": "replace", "path": "/spec/versions/1/served", "value": False}]
        await api.ok("PATCH", path, stop, Content_Type="application/json-patch+json")
        await until(api, "/openapi/v2", lambda answer: "com.example.stable.v4.Foo" not in answer.body["definitions"])
        assert await swagger(api, "com.example.stable.v2.Foo")
        assert (await api("GET", f"/openapi/v3/apis/{GROUP}/v4")).status == 404
        assert condition(found, "Established")["status"] == "True"
