"""Which representation of an object the client accepts: its media type, and whether as itself, as a Table row or as metadata only."""

from __future__ import annotations

import functools
from typing import NamedTuple

from sagong.api import accept as accepts
from sagong.api.errors import BadRequestError, NotAcceptableError, UnsupportedMediaTypeError
from sagong.api.field_errors import quote
from sagong.server.messages import JSON, Request

YAML = "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"
MEDIA = (JSON, YAML, PROTOBUF)
_CACHED, _LONGEST = 512, 16_384
_INCLUDED = ("", "Metadata", "Object", "None")
_TARGETS = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")


class Representation(NamedTuple):
    """`target` is "" for the object itself, else one of the kinds of meta.k8s.io/v1 it is converted to."""

    media: str = JSON
    target: str = ""
    target_version: str = ""
    pretty: bool = False


def representation(request: Request, *, targets: bool = True) -> Representation:
    """Choose the answer's representation. Raises NotAcceptableError."""
    accept = ",".join(request.headers.get("accept", ()))
    chosen = _choose(accept, targets) if len(accept) <= _CACHED else _choose.__wrapped__(accept[:_LONGEST], targets)
    return chosen._replace(pretty=True) if wants_pretty(request) else chosen


def wants_pretty(request: Request) -> bool:
    """Tell whether somebody reads the answer: the client says so, or is one of those that people use."""
    said = request.param("pretty") if request.query_string and "pretty" in request.query_string else ""
    return accepts.wants_pretty(request.header("user-agent"), said)


def representation_of(request: Request, *, custom: bool) -> Representation:
    """Choose the answer's representation; custom resources have no protobuf, and tables neither.

    Raises NotAcceptableError, BadRequestError for a table of nothing that there is.
    """
    try:
        chosen = representation(request)
    except NotAcceptableError:
        if not custom:
            raise
    else:
        if chosen.target == "Table" and request.query_string and (said := request.param("includeObject")) not in _INCLUDED:
            problem = f"includeObject: Invalid value: {quote(said)}: must be 'Metadata', 'Object', 'None', or empty"
            raise BadRequestError(f"Unable to convert to Table as requested: {problem}")
        if chosen.media != PROTOBUF or not (chosen.target == "Table" or (custom and not chosen.target)):
            return chosen
    raise NotAcceptableError(f"only the following media types are accepted: {', '.join(MEDIA)}")


def of_status(request: Request) -> Representation:
    """Choose how a Status is told: as JSON, for people, where the client accepts nothing that there is."""
    try:
        return representation(request, targets=False)
    except NotAcceptableError:
        return Representation(pretty=True)


@functools.lru_cache(maxsize=512)
def _choose(accept: str, targets: bool) -> Representation:  # noqa: FBT001 - a cache key
    if not accept:
        return Representation()
    clauses = [clause for clause in accepts.clauses(accept) if clause.quality > 0]
    if any(accepts.covers(clause.media, JSON) for clause in clauses):
        # What is stored is JSON: protobuf costs the server much and saves nobody anything. Clients offer it first by habit.
        clauses = [clause for clause in clauses if clause.media != PROTOBUF]
    for clause in sorted(clauses, key=lambda clause: -clause.quality):
        media = next((media for media in MEDIA if accepts.covers(clause.media, media)), None)
        if media is None:
            continue
        target = clause.parameters.get("as", "")
        pretty = clause.parameters.get("pretty") == "1"
        if not target:
            return Representation(media, pretty=pretty)
        version = clause.parameters.get("v", "")
        if targets and target in _TARGETS and clause.parameters.get("g") == "meta.k8s.io" and version in ("v1", "v1beta1"):
            return Representation(media, target, version, pretty)
    raise NotAcceptableError(f"406: Not Acceptable\n\nAvailable representations: {', '.join(MEDIA)}", generic=True)


def body_media(request: Request) -> str:
    """Return the media type of the request's body; none said means JSON. Raises UnsupportedMediaTypeError."""
    said = request.header("content-type")
    media = said.partition(";")[0].strip().lower() if said else JSON
    if media not in MEDIA:
        raise UnsupportedMediaTypeError(
            f"the body of the request was in an unknown format - accepted media types include: {', '.join(MEDIA)}"
        )
    return media
