"""Custom resources through the real server: defined, written, read, watched, and gone with their definition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.server.custom.support import ANY, CRDS, GROUP, WIDGETS, condition, define, definition, until, version, widget
from tests.server.harness import running

MERGE = {"Content_Type": "application/merge-patch+json"}
JSON_PATCH = {"Content_Type": "application/json-patch+json"}
NAME = f"widgets.{GROUP}"
SUBS = {
    "status": {},
    "scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size", "labelSelectorPath": ".status.selector"},
}


async def test_a_definition_becomes_a_resource_and_goes(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        assert (await api("GET", WIDGETS)).status == 404
        found = await define(api, definition(names={"shortNames": ["wd"], "categories": ["all"]}))
        assert [(c["type"], c["status"], c["reason"]) for c in found["status"]["conditions"]] == [
            ("NamesAccepted", "True", "NoConflicts"),
            ("Established", "True", "InitialNamesAccepted"),
        ]
        assert found["status"]["acceptedNames"]["listKind"] == "WidgetList"
        created = await api.ok("POST", WIDGETS, widget(spec={"size": 2}))
        assert created["spec"] == {"size": 2, "color": "red"}
        assert created["metadata"]["generation"] == 1
        watch = await api.watch(f"{WIDGETS}?watch=1")
        assert await watch.names(1) == [("ADDED", "a")]
        answer = await api("DELETE", f"{CRDS}/{NAME}")
        assert condition(answer.body, "Terminating")["reason"] == "InstanceDeletionPending"
        assert await watch.names(1) == [("DELETED", "a")]
        assert await watch.event() is None
        await until(api, f"{CRDS}/{NAME}", lambda answer: answer.status == 404)
        assert (await api("GET", WIDGETS)).status == 404
        assert (await api("GET", f"/apis/{GROUP}/v1")).status == 404
        assert api.server.store.count(f"/registry/{GROUP}/") == 0


async def test_writes(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await define(api, definition("widgets", "Widget", version(subresources={"status": {}})))
        made = await api.ok("POST", WIDGETS, widget(spec={"size": 2}, status={"phase": "up"}))
        assert "status" not in made
        path = f"{WIDGETS}/a"
        changed = await api.ok("PATCH", path, {"spec": {"size": 3}, "status": {"phase": "up"}}, **MERGE)
        assert (changed["spec"]["size"], changed["metadata"]["generation"], "status" in changed) == (3, 2, False)
        changed = await api.ok("PATCH", f"{path}/status", {"spec": {"size": 9}, "status": {"phase": "up"}}, **MERGE)
        assert (changed["spec"]["size"], changed["metadata"]["generation"], changed["status"]) == (3, 2, {"phase": "up"})
        changed = await api.ok("PATCH", path, [{"op": "replace", "path": "/spec/size", "value": 4}], **JSON_PATCH)
        assert (changed["spec"]["size"], changed["status"]) == (4, {"phase": "up"})
        same = await api.ok("PATCH", path, {"spec": {"size": 4}}, **MERGE)
        assert same["metadata"]["resourceVersion"] == changed["metadata"]["resourceVersion"]
        strategic = await api("PATCH", path, {}, Content_Type="application/strategic-merge-patch+json")
        assert strategic.status == 415
        assert strategic.body["message"] == (
            "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, "
            "application/merge-patch+json, application/apply-patch+yaml"
        )
        replaced = await api.ok("PUT", path, {**changed, "spec": {"size": 5}})
        assert (replaced["spec"], replaced["metadata"]["generation"]) == ({"size": 5, "color": "red"}, 4)
        del replaced["metadata"]["resourceVersion"]
        answer = await api("PUT", path, replaced)
        assert (answer.status, "must be specified for an update" in answer.body["message"]) == (422, True)
        assert (await api("PUT", f"{WIDGETS}/b", widget("b"))).status == 404
        dry = await api.ok("POST", f"{WIDGETS}?dryRun=All", widget("c"))
        assert dry["metadata"]["name"] == "c"
        assert (await api("GET", f"{WIDGETS}/c")).status == 404
        for size in (6, 7):  # each tries what it was asked to, on the one revision
            tried = await api.ok("PATCH", f"{path}?dryRun=All", {"spec": {"size": size}}, **MERGE)
            assert tried["spec"]["size"] == size
        assert (await api.ok("PATCH", path, {"spec": {"size": 8.0}}, **MERGE))["spec"]["size"] == 8
        gone = await api.ok("DELETE", path)
        assert (gone["kind"], gone["status"], gone["details"]["kind"]) == ("Status", "Success", "widgets")


async def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await define(api, definition())
        cases: list[tuple[Any, int, str]] = [
            (
                widget(spec={"size": 0}),
                422,
                'Widget.stable.example.com "a" is invalid: spec.size: Invalid value: 0: spec.size in body should be greater',
            ),
            (widget(spec={"size": "x"}), 422, 'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"'),
            (widget(spec={"tags": ["x", "x"]}), 422, 'spec.tags[1]: Duplicate value: "x"'),
            (widget(kind="Gadget"), 422, 'kind: Invalid value: "Gadget": must be Widget'),
            (
                widget(api_version=f"{GROUP}/v2"),
                400,
                f"the API version in the data ({GROUP}/v2) does not match the expected API version ({GROUP}/v1)",
            ),
            (
                {**widget(), "metadata": {"name": "a", "labels": 1}},
                400,
                "json: cannot unmarshal number into Go struct field ObjectMeta.labels of type",
            ),
            ({**widget(), "metadata": {"name": "A_"}}, 422, 'metadata.name: Invalid value: "A_": a lowercase RFC 1123 subdomain'),
            ({"metadata": {"name": "a"}}, 400, "Object 'Kind' is missing in"),
        ]
        for body, code, message in cases:
            answer = await api("POST", WIDGETS, body)
            assert (answer.status, message in answer.body["message"]) == (code, True), answer.body["message"]


async def test_fields_are_validated_as_asked(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await define(api, definition())
        wrong = {**widget(spec={"size": 1, "sise": 1}), "extra": 1, "metadata": {"name": "a", "mood": "good"}}
        warned = await api("POST", f"{WIDGETS}?dryRun=All", wrong)
        said = ['unknown field \\"metadata.mood\\"', 'unknown field \\"extra\\"', 'unknown field \\"spec.sise\\"']
        assert [value for key, value in warned.headers if key == "Warning"] == [f'299 - "{text}"' for text in said]
        assert warned.body["spec"] == {"size": 1, "color": "red"}
        refused = await api("POST", f"{WIDGETS}?fieldValidation=Strict", wrong)
        assert refused.status == 400
        assert refused.body["message"].endswith(
            'strict decoding error: unknown field "metadata.mood", unknown field "extra", unknown field "spec.sise"'
        )
        ignored = await api("POST", f"{WIDGETS}?fieldValidation=Ignore", wrong)
        assert (ignored.status, ignored.header("warning")) == (201, "")
        doubled = b'{"apiVersion":"%s/v1","kind":"Widget","metadata":{"name":"b"},"spec":{"size":1,"size":2}}' % GROUP.encode()
        refused = await api("POST", f"{WIDGETS}?fieldValidation=Strict", doubled)
        assert refused.body["message"].endswith('strict decoding error: duplicate field "spec.size"')
        patched = await api("PATCH", f"{WIDGETS}/a?fieldValidation=Strict", {"spec": {"sise": 1}}, **MERGE)
        assert (patched.status, 'strict decoding error: unknown field "spec.sise"' in patched.body["message"]) == (422, True)


async def test_scale(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        schema = {"type": "object", "properties": {"spec": ANY, "status": ANY}}
        await define(api, definition("widgets", "Widget", version(schema=schema, subresources=SUBS)))
        await api.ok("POST", WIDGETS, widget(spec={"size": 2}))
        await api.ok("PATCH", f"{WIDGETS}/a/status", {"status": {"size": 1, "selector": "a=b"}}, **MERGE)
        scale = await api.ok("GET", f"{WIDGETS}/a/scale")
        assert (scale["kind"], scale["spec"], scale["status"]) == ("Scale", {"replicas": 2}, {"replicas": 1, "selector": "a=b"})
        scale["spec"]["replicas"] = 5
        assert (await api.ok("PUT", f"{WIDGETS}/a/scale", scale))["spec"]["replicas"] == 5
        found = await api.ok("GET", f"{WIDGETS}/a")
        assert (found["spec"]["size"], found["metadata"]["generation"]) == (5, 2)
        assert (await api.ok("PATCH", f"{WIDGETS}/a/scale", {"spec": {"replicas": 6}}, **MERGE))["spec"]["replicas"] == 6
        applied = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "a"}, "spec": {"replicas": 7}}
        answer = await api("PATCH", f"{WIDGETS}/a/scale?fieldManager=m&force=1", applied, Content_Type="application/apply-patch+yaml")
        assert (answer.status, answer.body["spec"]["replicas"]) == (200, 7)
        managers = {entry["manager"]: entry for entry in (await api.ok("GET", f"{WIDGETS}/a"))["metadata"]["managedFields"]}
        assert (managers["m"]["subresource"], managers["m"]["fieldsV1"]) == ("scale", {"f:spec": {"f:size": {}}})
        await api.ok("POST", WIDGETS, widget("b"))
        empty = await api("PATCH", f"{WIDGETS}/b/scale", {"metadata": {"labels": {}}}, **MERGE)
        assert (empty.status, empty.body["message"]) == (400, 'the spec replicas field ".spec.size" cannot be empty')
        bad = await api("POST", WIDGETS, widget("c", spec={"size": -1}))
        assert ".spec.size: Invalid value: -1: should be a non-negative integer" in bad.body["message"]


async def test_versions_without_conversion(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        other = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}
        await define(api, definition("widgets", "Widget", version(), version("v2", other, storage=False)))
        await api.ok("POST", WIDGETS, widget(spec={"size": 1}))
        second = WIDGETS.replace("/v1/", "/v2/")
        found = await api.ok("GET", f"{second}/a")
        assert (found["apiVersion"], found["spec"]) == (f"{GROUP}/v2", {"size": 1})
        await api.ok("POST", second, widget("b", api_version=f"{GROUP}/v2", spec={"size": 2}))
        listed = await api.ok("GET", WIDGETS)
        assert [(item["apiVersion"], item["spec"]) for item in listed["items"]] == [
            (f"{GROUP}/v1", {"size": 1, "color": "red"}),
            (f"{GROUP}/v1", {"size": 2, "color": "red"}),
        ]
        stored = api.server.store.get(f"/registry/{GROUP}/widgets/default/b")
        assert stored is not None
        assert stored.value.startswith(b'{"apiVersion":"stable.example.com/v1","kind":"Widget","metadata":{')
        group = await api.ok("GET", f"/apis/{GROUP}")
        assert [found["version"] for found in group["versions"]] == ["v2", "v1"]


async def test_a_changed_schema_is_taken_up(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        found = await define(api, definition())
        await api.ok("POST", WIDGETS, widget(spec={"size": 1, "color": "blue", "tags": ["x"]}))
        watch = await api.watch(f"{WIDGETS}?watch=1")
        assert await watch.names(1) == [("ADDED", "a")]
        spec = {"type": "object", "properties": {"size": {"type": "integer"}, "shape": {"type": "string", "default": "round"}}}
        schema = {"type": "object", "properties": {"spec": spec}}
        await api.ok("PUT", f"{CRDS}/{NAME}", {**found, "spec": {**found["spec"], "versions": [version(schema=schema)]}})
        assert await watch.event() is None
        read = await until(api, f"{WIDGETS}/a", lambda answer: "shape" in answer.body["spec"])
        assert read["spec"] == {"size": 1, "shape": "round"}
        assert (await api.ok("GET", WIDGETS))["items"][0]["spec"] == {"size": 1, "shape": "round"}


async def test_ratcheting(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        loose = {
            "type": "object",
            "properties": {"spec": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}},
        }
        found = await define(api, definition("widgets", "Widget", version(schema=loose)))
        await api.ok("POST", WIDGETS, widget(spec={"a": "x", "b": "x"}))
        fields = {"a": {"type": "string", "minLength": 3}, "b": {"type": "string", "minLength": 3}}
        strict = {"type": "object", "properties": {"spec": {"type": "object", "properties": fields}}}
        await api.ok("PUT", f"{CRDS}/{NAME}", {**found, "spec": {**found["spec"], "versions": [version(schema=strict)]}})
        while (await api("POST", f"{WIDGETS}?dryRun=All", widget("b", spec={"a": "x"}))).status != 422:
            pass  # until the new schema is in force
        await api.ok("PATCH", f"{WIDGETS}/a", {"spec": {"a": "long enough"}}, **MERGE)
        answer = await api("PATCH", f"{WIDGETS}/a", {"spec": {"b": "y"}}, **MERGE)
        assert "spec.b in body should be at least 3 chars long" in answer.body["message"]


async def test_names_that_are_taken(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await define(api, definition(names={"shortNames": ["wd"]}))
        await api.ok(
            "POST", CRDS, definition("gadgets", "Widget", names={"shortNames": ["wd"], "listKind": "GadgetList", "singular": "gadget"})
        )
        path = f"{CRDS}/gadgets.{GROUP}"
        found = await until(api, path, lambda answer: condition(answer.body, "NamesAccepted"))
        said = condition(found, "NamesAccepted")
        assert (said["status"], said["reason"], said["message"]) == ("False", "KindConflict", '"Widget" is already in use')
        assert condition(found, "Established")["reason"] == "NotAccepted"
        assert (await api("GET", WIDGETS.replace("widgets", "gadgets"))).status == 404
        await api.ok("DELETE", f"{CRDS}/{NAME}")
        await until(api, path, lambda answer: condition(answer.body, "Established")["status"] == "True")
        assert (await api("GET", WIDGETS.replace("widgets", "gadgets"))).status == 200


async def test_no_creation_while_the_definition_terminates(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await define(api, definition())
        await api.ok("POST", WIDGETS, {**widget(), "metadata": {"name": "a", "finalizers": ["example.com/hold"]}})
        await api.ok("DELETE", f"{CRDS}/{NAME}")
        await until(api, f"{WIDGETS}/a", lambda answer: "deletionTimestamp" in answer.body["metadata"])
        answer = await api("POST", WIDGETS, widget("b"))
        assert (answer.status, answer.body["message"]) == (
            403,
            f'widgets.{GROUP} "b" is forbidden: create not allowed while custom resource definition is terminating',
        )
        assert (await api.ok("GET", f"/apis/{GROUP}/v1"))["resources"][0]["verbs"] == ["delete", "deletecollection", "get", "list", "watch"]
        await api.ok("PATCH", f"{WIDGETS}/a", {"metadata": {"finalizers": None}}, **MERGE)
        await until(api, f"{CRDS}/{NAME}", lambda answer: answer.status == 404)


async def test_definitions_are_served_again_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await define(api, definition(scope="Cluster"))
        await api.ok("POST", f"/apis/{GROUP}/v1/widgets", widget(spec={"size": 1}))
    async with running(tmp_path) as api:
        assert (await api.ok("GET", f"/apis/{GROUP}/v1/widgets/a"))["spec"]["size"] == 1


async def test_lists_selectors_tables_and_metadata(tmp_path: Path) -> None:
    columns = [
        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
        {"name": "Tags", "type": "string", "jsonPath": ".spec.tags", "priority": 1, "description": "All of them."},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]
    async with running(tmp_path) as api:
        more: Any = {"additionalPrinterColumns": columns, "selectableFields": [{"jsonPath": ".spec.color"}, {"jsonPath": ".spec.size"}]}
        await define(api, definition("widgets", "Widget", version(**more)))
        for name, color in (("a", "red"), ("b", "blue"), ("c", "red")):
            await api.ok(
                "POST",
                WIDGETS,
                {**widget(spec={"size": 1, "color": color, "tags": ["x"]}), "metadata": {"name": name, "labels": {"l": name}}},
            )
        listed = await api.ok("GET", f"{WIDGETS}?fieldSelector=spec.color%3Dred,spec.size%3D1&limit=1")
        assert ([item["metadata"]["name"] for item in listed["items"]], bool(listed["metadata"]["continue"])) == (["a"], True)
        listed = await api.ok("GET", f"{WIDGETS}?labelSelector=l%3Db")
        assert [item["metadata"]["name"] for item in listed["items"]] == ["b"]
        answer = await api("GET", f"{WIDGETS}?fieldSelector=spec.tags%3Dred")
        assert (answer.status, answer.body["message"]) == (400, "field label not supported: spec.tags")
        table = await api.ok("GET", WIDGETS, Accept="application/json;as=Table;v=v1;g=meta.k8s.io")
        assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Size", "Tags", "Age"]
        assert table["columnDefinitions"][2]["description"] == "All of them."
        assert table["rows"][0]["cells"][:3] == ["a", 1, '["x"]']
        partial = await api.ok("GET", f"{WIDGETS}/a", Accept="application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io")
        assert (partial["kind"], partial["metadata"]["labels"], "spec" in partial) == ("PartialObjectMetadata", {"l": "a"}, False)
        watch = await api.watch(f"{WIDGETS}?watch=1&fieldSelector=spec.color%3Dred")
        assert await watch.names(2) == [("ADDED", "a"), ("ADDED", "c")]
        await api.ok("PATCH", f"{WIDGETS}/b", {"spec": {"color": "red"}}, **MERGE)
        await api.ok("PATCH", f"{WIDGETS}/a", {"spec": {"color": "blue"}}, **MERGE)
        assert await watch.names(2) == [("ADDED", "b"), ("DELETED", "a")]
        await api.ok("DELETE", f"{WIDGETS}?fieldSelector=spec.color%3Dred")
        assert [item["metadata"]["name"] for item in (await api.ok("GET", WIDGETS))["items"]] == ["a"]
        yaml = await api("GET", f"{WIDGETS}/a", Accept="application/yaml")
        assert b"kind: Widget" in yaml.raw
        made = await api(
            "POST", WIDGETS, b"apiVersion: %s/v1\nkind: Widget\nmetadata: {name: d}\n" % GROUP.encode(), Content_Type="application/yaml"
        )
        assert made.status == 201


async def test_discovery(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        before = (await api("GET", "/apis", Accept=aggregated)).header("etag")
        await define(api, definition("widgets", "Widget", version(subresources=SUBS), names={"shortNames": ["wd"]}))
        answer = await api("GET", "/apis", Accept=aggregated)
        assert answer.header("etag") != before
        group = next(item for item in answer.body["items"] if item["metadata"]["name"] == GROUP)
        (resource,) = group["versions"][0]["resources"]
        kind = {"group": GROUP, "version": "v1", "kind": "Widget"}
        assert (resource["responseKind"], resource["shortNames"]) == (kind, ["wd"])
        assert [(sub["subresource"], sub["responseKind"]) for sub in resource["subresources"]] == [
            ("status", kind),
            ("scale", {"group": "autoscaling", "version": "v1", "kind": "Scale"}),
        ]
        legacy = await api.ok("GET", f"/apis/{GROUP}/v1")
        assert [found["name"] for found in legacy["resources"]] == ["widgets", "widgets/status", "widgets/scale"]
        assert GROUP in [found["name"] for found in (await api.ok("GET", "/apis"))["groups"]]


async def test_apply_validates_fields(tmp_path: Path) -> None:
    template = {
        "type": "object",
        "x-kubernetes-embedded-resource": True,
        "properties": {"metadata": {"type": "object", "properties": {"name": {"type": "string"}}}, "spec": {"type": "object"}},
    }
    spec = {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {"template": template, "foo": {"type": "string"}}}
    apply = {"Content_Type": "application/apply-patch+yaml"}
    head = f"\napiVersion: {GROUP}/v1\nkind: Widget\nmetadata:\n  name: a\n"
    cases = (
        (head + "unknownField: x\n", ".unknownField: field not declared in schema"),
        (head + "  unknownMeta: x\n", ".metadata.unknownMeta: field not declared in schema"),
        (
            head + "spec:\n  template:\n    kind: Sub\n    metadata:\n      unknownSubMeta: x\n",
            ".spec.template.metadata.unknownSubMeta: field not declared in schema",
        ),
        (head + "spec:\n  unknown: uk1\n  foo: foo1\n  foo: foo2\n", 'line 9: key "foo" already set in map'),
    )
    async with running(tmp_path) as api:
        await define(api, definition("widgets", "Widget", version(schema={"type": "object", "properties": {"spec": spec}})))
        for body, message in cases:
            answer = await api("PATCH", f"{WIDGETS}/a?fieldManager=m&fieldValidation=Strict", body.encode(), **apply)
            assert (answer.status >= 400, message in answer.body["message"]) == (True, True), answer.body["message"]
        fine = head + "spec:\n  unknown: uk1\n  foo: foo1\n"
        made = await api.ok("PATCH", f"{WIDGETS}/a?fieldManager=m&fieldValidation=Strict", fine.encode(), **apply)
        assert made["spec"] == {"unknown": "uk1", "foo": "foo1"}


async def test_embedded_resources(tmp_path: Path) -> None:
    embedded = {"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"template": embedded}}}}
    async with running(tmp_path) as api:
        await define(api, definition("widgets", "Widget", version(schema=schema)))
        template = {"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"a": "b"}, "odd": 1}, "spec": {"x": 1}}
        made = await api("POST", WIDGETS, widget(spec={"template": template}))
        assert made.body["spec"]["template"] == {"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"a": "b"}}, "spec": {"x": 1}}
        assert 'unknown field \\"spec.template.metadata.odd\\"' in made.header("warning")
        for wrong, message in (
            ({"kind": "Pod"}, "spec.template.apiVersion: Required value"),
            ({"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"a": "?"}}}, 'spec.template.metadata.labels: Invalid value: "?"'),
            ({"apiVersion": 1, "kind": "Pod"}, "spec.template.apiVersion: Invalid value: 1: must be a string"),
        ):
            answer = await api("POST", WIDGETS, widget("b", spec={"template": wrong}))
            assert (answer.status >= 400, message in answer.body["message"]) == (True, True), answer.body["message"]


async def test_formats_that_nothing_checks_are_told(tmp_path: Path) -> None:
    spec = {"type": "object", "properties": {"a": {"type": "string", "format": "odd"}, "b": {"type": "string", "format": "date"}}}
    async with running(tmp_path) as api:
        answer = await api("POST", CRDS, definition("widgets", "Widget", version(schema={"type": "object", "properties": {"spec": spec}})))
        assert answer.header("warning") == '299 - "unrecognized format \\"odd\\""'
        await until(api, f"{CRDS}/{NAME}", lambda answer: condition(answer.body, "Established").get("status") == "True")
        refused = await api("POST", WIDGETS, widget(spec={"b": "yesterday"}))
        assert 'spec.b: Invalid value: "yesterday": spec.b in body must be of type date: "yesterday"' in refused.body["message"]


async def test_apply(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await define(api, definition())
        apply = {"Content_Type": "application/apply-patch+yaml"}
        made = await api("PATCH", f"{WIDGETS}/a?fieldManager=one", widget(spec={"tags": ["x"], "size": 1}), **apply)
        assert made.status == 201
        owned = {entry["manager"]: entry for entry in made.body["metadata"]["managedFields"]}
        assert owned["one"]["fieldsV1"] == {"f:spec": {"f:size": {}, "f:tags": {'v:"x"': {}}}}
        merged = await api.ok("PATCH", f"{WIDGETS}/a?fieldManager=two", widget(spec={"tags": ["y"]}), **apply)
        assert merged["spec"]["tags"] == ["x", "y"]
        refused = await api("PATCH", f"{WIDGETS}/a?fieldManager=two", widget(spec={"tags": ["y"], "size": 2}), **apply)
        assert (refused.status, 'conflict with "one": .spec.size' in refused.body["message"]) == (409, True)
        unknown = await api("PATCH", f"{WIDGETS}/a?fieldManager=two", widget(spec={"mood": "good"}), **apply)
        assert (unknown.status, ".spec.mood: field not declared in schema" in unknown.body["message"]) == (500, True)
        dropped = await api.ok("PATCH", f"{WIDGETS}/a?fieldManager=one", widget(spec={"size": 1}), **apply)
        assert dropped["spec"]["tags"] == ["y"]


NULLABLE = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "part": {"type": "object", "properties": {"x": {"type": "string"}}},
                "filled": {"type": "object", "default": {"x": "y"}, "properties": {"x": {"type": "string"}}},
                "none": {"type": "object", "nullable": True, "properties": {"x": {"type": "string"}}},
                "list": {"type": "array", "items": {"type": "string"}},
            },
        },
    },
}


async def test_null_is_dropped_from_what_is_sent_and_refused_in_what_is_applied(tmp_path: Path) -> None:
    apply = {"Content_Type": "application/apply-patch+yaml"}
    async with running(tmp_path) as api:
        await define(api, definition("widgets", "Widget", version(schema=NULLABLE)))
        cases: list[tuple[dict[str, Any], dict[str, Any], str]] = [
            ({"part": None}, {"filled": {"x": "y"}}, 'spec.part: Invalid value: "null": spec.part in body must be of type object: "null"'),
            ({"list": None}, {"filled": {"x": "y"}}, 'spec.list: Invalid value: "null": spec.list in body must be of type array: "null"'),
            ({"filled": None}, {"filled": {"x": "y"}}, ""),
            ({"none": None}, {"filled": {"x": "y"}, "none": None}, ""),
        ]
        for number, (spec, kept, complaint) in enumerate(cases):
            sent = widget(f"sent{number}", spec=spec)
            assert (await api.ok("POST", WIDGETS, sent))["spec"] == kept
            name = f"applied{number}"
            answer = await api("PATCH", f"{WIDGETS}/{name}?fieldManager=m", widget(name, spec=spec), **apply)
            if complaint:
                assert (answer.status, answer.body["message"]) == (422, f'Widget.{GROUP} "{name}" is invalid: {complaint}')
            else:
                assert (answer.status, answer.body["spec"]) == (201, kept)
