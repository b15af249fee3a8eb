"""What every API type is made of: the base Struct, scalar aliases, and the metadata that stands beside a field.

A field reads `containers: A[list[Container], 2, REQUIRED, ListMap("name"), Patch("merge", "name")] = ...`:

- an int is the protobuf field number (a str `"2.7"` is a number inside an embedded message that JSON inlines);
- REQUIRED marks what the published schema requires;
- ListMap, SET and ATOMIC are the list and map types of server-side apply (KEP-555); a list without one is atomic;
- Patch is the strategy of a strategic merge patch, with its merge key.

Defaults follow Go's `omitempty`: a plain default is left out of the encoding when the value equals it, a
`default_factory` of a scalar or a Struct is always written, one of NoneType as null.

The modules of types stand apart: their annotations are objects, not text (no `from __future__ import annotations`), and what is referred to
stands first. Text is compiled, annotation by annotation, when a decoder is made, which took a tenth of the time that a cluster takes
to start. Only types that contain themselves are named in quotes.
"""

import functools
from typing import Annotated, Self, TypeVar

import msgspec
from msgspec import Meta, Struct

T = TypeVar("T")

Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]

Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]

UInt32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]

IntOrString = int | str

Float = int | float
"""A float64; a whole one is written without a fraction, as Go does."""


class Scalar(Struct, frozen=True):
    """Marks a string with a canonical form of its own."""

    name: str


class Required(Struct, frozen=True):
    """The published schema lists the field under `required`."""


class ListMap:
    """A list that server-side apply merges by the values of `keys`, in the schema's order."""

    __slots__ = ("keys",)

    def __init__(self, *keys: str) -> None:
        self.keys = keys


class ListSet(Struct, frozen=True):
    """A list of scalars that server-side apply treats as a set."""


class Atomic(Struct, frozen=True):
    """A list or map that has one owner as a whole."""


class Patch(Struct, frozen=True):
    """Strategic merge: `strategy` is merge, replace, retainKeys or a comma-separated pair; `key` the merge key of a list of objects."""

    strategy: str
    key: str = ""


REQUIRED = Required()

SET = ListSet()

ATOMIC = Atomic()

Quantity = Annotated[str, Scalar("quantity")]

Time = Annotated[str, Scalar("time")]

MicroTime = Annotated[str, Scalar("micro-time")]


class ApiStruct(Struct, omit_defaults=True, forbid_unknown_fields=True, kw_only=True, gc=False):
    """Base of all API types. Mutable; objects handed out by an informer must not be changed, `copy()` them first.

    They are trees, as JSON is, so that the collector of cycles need not know them: decoding many takes half the time.
    """

    def copy(self) -> Self:
        """Return a deep copy."""
        decoded: Self = _decoder(type(self)).decode(_encoder.encode(self))
        return decoded


_encoder = msgspec.json.Encoder()


@functools.cache
def _decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(kind)
