"""/statusz (KEP-4827) and /flagz (KEP-4828): what each component says of its process, as text for people and as documents.

The documents are config.k8s.io's; who wants one names it whole: `application/json;g=config.k8s.io;v=v1beta1;as=Statusz`.
The text is not to be parsed: what stands between a name and its value is another each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from sagong.api.accept import Clause, clauses, covers
from sagong.api.clock import Clock, Random, format_time
from sagong.api.errors import NotAcceptableError

KINDS: Mapping[str, str] = {"/statusz": "Statusz", "/flagz": "Flagz"}
_GROUP = "config.k8s.io"
_DEPRECATED: Mapping[str, bool] = {"v1alpha1": True, "v1beta1": False}
_JSON, _YAML, _TEXT = "application/json", "application/yaml", "text/plain"
_MEDIA = (_JSON, _YAML, _TEXT)
_TARGET = ("g", "v", "as")
_DELIMITERS = (":", ": ", "=", " ")
_NOT_FOR_DEBUGGING = frozenset({"/", "/api", "/apis", "/openapi", "/openid", "/.well-known"})
_WARNING = (
    "Warning: This endpoint is not meant to be machine parseable, "
    "has no formatting compatibility guarantees and is for debugging purposes only."
)


class Process(NamedTuple):
    """What does not change while a process lives. `version` is like v1.36.0, `language` like python3.11.2."""

    component: str
    version: str
    language: str
    started: datetime
    flags: Mapping[str, str]


class Answer(NamedTuple):
    """What is answered: a document of a version, or text; `warning` is for a Warning header, "" for none."""

    body: bytes
    status: int = 200
    content_type: str = f"{_TEXT}; charset=utf-8"
    warning: str = ""
    version: str = ""

    @property
    def group(self) -> str:
        """The API group of a document, "" of text."""
        return _GROUP if self.version else ""

    @property
    def headers(self) -> dict[str, str]:
        """The headers beside the type of the content."""
        return {"Warning": f'299 - "{self.warning}"'} if self.warning else {}


class Zpages:
    """Both pages of a process. `paths` are those that it serves, whole; what is shown is their first parts."""

    def __init__(self, process: Process, paths: Iterable[str], clock: Clock, random: Random) -> None:
        self._process, self._clock, self._random = process, clock, random
        self._paths = sorted({f"/{path.split('/')[1]}" for path in paths} - _NOT_FOR_DEBUGGING)
        self._flags_text = ""

    def answer(self, path: str, accept: str, *, pretty: bool = False) -> Answer:
        """Answer a request for one of `KINDS`; `pretty`: somebody reads it."""
        kind = KINDS[path]
        chosen = _chosen(accept, kind)
        if chosen is None:
            return _refused(accept, pretty=pretty)
        if chosen.media == _TEXT:
            return Answer((self._status_text() if kind == "Statusz" else self._flags()).encode())
        document = {"kind": kind, "apiVersion": f"{_GROUP}/{chosen.version}", "metadata": {"name": self._process.component}}
        document |= self._status() if kind == "Statusz" else {"flags": dict(sorted(self._process.flags.items()))}
        warning = f"This version of the {kind.lower()} endpoint is deprecated. Please use a newer version."
        return Answer(
            _encoded(document, chosen.media, pretty=pretty or chosen.pretty),
            content_type=f"{chosen.media};g={_GROUP};v={chosen.version};as={kind}",
            warning=warning if _DEPRECATED[chosen.version] else "",
            version=chosen.version,
        )

    def _status(self) -> dict[str, Any]:
        process = self._process
        version = process.version.removeprefix("v")
        return {
            "startTime": format_time(process.started),
            "uptimeSeconds": max(0, int((self._clock.now() - process.started).total_seconds())),
            "goVersion": process.language,
            "binaryVersion": version,
            "emulationVersion": ".".join(version.split(".")[:2]),
            "paths": self._paths,
        }

    def _status_text(self) -> str:
        status, started = self._status(), self._process.started.astimezone(UTC)
        minutes, seconds = divmod(status["uptimeSeconds"], 60)
        lines = {
            "Started": f"{started:%a %b} {started.day:2} {started:%H:%M:%S} UTC {started.year}",
            "Up": f"{minutes // 60} hr {minutes % 60:02} min {seconds:02} sec",
            "Go version": status["goVersion"],
            "Binary version": status["binaryVersion"],
            "Emulation version": status["emulationVersion"],
            "Paths": " ".join(self._paths),
        }
        delimiter = self._delimiter()
        return "\n".join([self._head("statusz"), "", *(f"{name}{delimiter} {value}" for name, value in lines.items()), ""])

    def _flags(self) -> str:
        """Return the text of flags, which is made once: it does not change."""
        if not self._flags_text:
            delimiter, flags = self._delimiter(), sorted(self._process.flags.items())
            self._flags_text = "\n".join([self._head("flagz"), *(f"{name}{delimiter}{value}" for name, value in flags), ""])
        return self._flags_text

    def _head(self, page: str) -> str:
        return f"\n{self._process.component} {page}\n{_WARNING}"

    def _delimiter(self) -> str:
        return _DELIMITERS[int(self._random.uniform() * len(_DELIMITERS))]


class _Chosen(NamedTuple):
    media: str
    version: str = ""
    pretty: bool = False


def _chosen(accept: str, kind: str) -> _Chosen | None:
    """Choose what to answer: text without a document named, JSON and YAML only with one; None: nothing fits."""
    if not accept.strip():
        return _Chosen(_TEXT)
    for clause in _in_order(accept):
        named = tuple(clause.parameters.get(key, "") for key in _TARGET)
        known = named[0] == _GROUP and named[1] in _DEPRECATED and named[2] == kind
        for media in _MEDIA:
            if covers(clause.media, media) and (known if media != _TEXT else not any(key in clause.parameters for key in _TARGET)):
                return _Chosen(media, named[1], clause.parameters.get("pretty") == "1")
    return None


def _in_order(accept: str) -> Iterator[Clause]:
    """Yield the clauses that name what there could be, best first; of those that are as good, what has no asterisk."""
    found = (clause for clause in clauses(accept) if clause.quality > 0)
    for clause in sorted(found, key=lambda clause: (-clause.quality, clause.media.startswith("*"), clause.media.endswith("*"))):
        if not clause.parameters.get("stream") and not clause.parameters.get("sv"):
            yield clause


def _refused(accept: str, *, pretty: bool) -> Answer:
    """Say what there is: as the client reads other errors, or as JSON for people."""
    error = NotAcceptableError(f"only the following media types are accepted: {', '.join(_MEDIA)}")
    plain = [clause for clause in _in_order(accept) if not any(key in clause.parameters for key in _TARGET)]
    media = next((media for clause in plain for media in (_JSON, _YAML) if covers(clause.media, media)), "")
    return Answer(_encoded(error.status(), media or _JSON, pretty=pretty or not media), error.code, media or _JSON)


def _encoded(document: object, media: str, *, pretty: bool) -> bytes:
    body = msgspec.json.encode(document)
    if media == _YAML:
        from sagong.api import yaml_encode  # noqa: PLC0415 - rarely asked for

        return yaml_encode.to_yaml(body)
    return msgspec.json.format(body, indent=2) if pretty else body
