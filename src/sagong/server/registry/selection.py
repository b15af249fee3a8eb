"""Which objects a list or watch selects: label and field selectors over what is read of stored bytes."""

from __future__ import annotations

from collections.abc import Callable

from sagong.api import field_selectors, selectors
from sagong.api.errors import BadRequestError
from sagong.api.field_selectors import FieldSelector, Term
from sagong.api.resources import Resource
from sagong.server.messages import Request
from sagong.server.registry.attributes import OF_THE_KEY, Reader
from sagong.store.base import Interest

# key, value, revision
Matcher = Callable[[str, bytes, int], bool]


class Selection:
    """The selectors of one request. `matcher` is None when everything is selected; `name` is what metadata.name must be.

    `labels` and `terms` (with the number of the field in `reader.fields`) are asked of an object's attributes, `wants_key` of its key.
    """

    def __init__(self, reader: Reader, labels: selectors.Selector, fields: FieldSelector) -> None:
        self.reader, self.labels = reader, labels
        self.name = fields.exact("metadata.name")
        self.terms = tuple((reader.fields.index(term.field), term) for term in fields.terms if term.field not in OF_THE_KEY)
        self._of_key = tuple(term for term in fields.terms if term.field in OF_THE_KEY)
        self.wants_key: Callable[[str], bool] | None = self._match_key if self._of_key else None
        self.key = (labels, fields)
        self.matcher: Matcher | None = None if labels.empty and not fields.terms else self._match

    @property
    def by_key(self) -> bool:
        """Whether the keys alone decide."""
        return self.labels.empty and not self.terms

    @property
    def interest(self) -> Interest | None:
        """What changes must be about to concern the selection, if it demands one value of a field or label."""
        for at, term in self.terms:
            if not term.negated:
                return Interest(self.reader.trigger("", at), term.value)
        for asked in self.labels.requirements:
            if (value := self.labels.exact(asked.key)) is not None:
                return Interest(self.reader.trigger(asked.key, -1), value)
        return None

    def _match(self, key: str, value: bytes, revision: int) -> bool:
        if self._of_key and not self._match_key(key):
            return False
        if self.by_key:
            return True
        attributes = self.reader.get(key, value, revision)
        for at, term in self.terms:
            if (attributes.fields[at] == term.value) == term.negated:
                return False
        return self.labels.matches(attributes.labels)

    def _match_key(self, key: str) -> bool:
        return all((_of_key(key, term) == term.value) != term.negated for term in self._of_key)


def _of_key(key: str, term: Term) -> str:
    """Return the name or the namespace of an object from its key, `/registry/pods/<namespace>/<name>`."""
    rest, _, name = key.rpartition("/")
    return name if term.field == "metadata.name" else rest.rpartition("/")[2]


def selection(request: Request, row: Resource, reader: Reader, name: str = "") -> Selection:
    """Read the selectors of a request; `name` is that of the URL. Raises BadRequestError with upstream's texts."""
    if not request.query_string and not name:
        return Selection(reader, selectors.EVERYTHING, FieldSelector())
    try:
        labels = selectors.parse(request.param("labelSelector"))
        fields = field_selectors.parse_for(request.param("fieldSelector"), row)
    except selectors.SelectorError as error:
        raise BadRequestError(str(error)) from error
    if name:
        fields = fields._replace(terms=(*fields.terms, Term("metadata.name", name)))
    return Selection(reader, labels, fields)
