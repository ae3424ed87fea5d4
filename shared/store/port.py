"""The store port: versioned aggregates, each saved together with the events it publishes.

Words. A *document* is one aggregate, kept whole. Its `version` starts at 1 and grows by one with each save; its
`sequence` is the number of events it has published. An *index* is a declared question: `find` only answers those.

Promises of every engine (`tests/contract/store.py` holds them to it):
- `add` and `save` write state and events in one atomic step and return once both are durable. A crash at any
  moment leaves both or neither.
- Events are carried to the bus after the write, in the order of `sequence`, at least once.
- `get` and `find` see every write that was acknowledged before they were called.
- Writers race by version: the one that read an older version gets `StaleVersion` and has changed nothing.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

from shared.errors import RelaisError, Unavailable
from shared.events.payload import Payload

MAX_PAGE = 200
"""The most documents one `find` returns: a page is read on the event loop and must stay short."""

MAX_DOCUMENT_BYTES = 8 * 1_048_576
"""The largest document in JSON: half of what MongoDB holds, so that its waiting events fit beside it."""

_KIND = re.compile(r"[a-z]+(_[a-z]+)*")


@dataclass(frozen=True, slots=True)
class Index:
    """A declared question: fixed values for `equals`, in the order of `order`.

    `equals` and `order` name fields, dotted for nested ones, whose values are text, numbers, booleans or aware
    times. `order` defaults to the immutable `(created_at, id)`; its last field must make rows unique, so that a
    page never skips or repeats one. `sparse` leaves out documents in which the first field of `order` is null; no
    other field of an `order` may be null, because nothing comes after null.
    """

    name: str
    equals: tuple[str, ...] = ()
    order: tuple[str, ...] = ("created_at", "id")
    sparse: bool = False


class Document(BaseModel):
    """The base of every stored aggregate. Instances are not changed in place: copy, then save the copy."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: ClassVar[str]
    """Collection name, unique inside a service: lower-case words and underscores, plural."""
    indexes: ClassVar[tuple[Index, ...]] = ()

    id: str
    created_at: AwareDatetime
    schema_version: int = 1
    version: int = 0
    sequence: int = 0

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a kind from which an engine could not make an unmistakable name."""
        super().__pydantic_init_subclass__(**kwargs)
        kind = cls.__dict__.get("kind")
        if kind is not None and not _KIND.fullmatch(kind):
            raise TypeError(
                f"{cls.__name__}.kind must be lower-case words and single underscores, not {kind!r}"
            )


D = TypeVar("D", bound=Document)

Scalar = str | int | float | bool | datetime
Cursor = str
"""Opaque position in a list: what `Page.next` gave, to hand to `after`."""


@dataclass(frozen=True, slots=True)
class Page(Generic[D]):
    """One page of a list. `next` is None on the last one."""

    items: list[D]
    next: Cursor | None


class StoreError(RelaisError):
    """The base of what a store may say."""


class StaleVersion(StoreError):
    """Somebody saved this document since it was read. Load it again and decide again."""

    status = 409

    def __init__(self, kind: str, identifier: str) -> None:
        super().__init__(f"{kind} {identifier} was changed by someone else meanwhile; read it again.")


class AlreadyExists(StoreError):
    """`add` met a document with this id. Nothing was written."""

    status = 409

    def __init__(self, kind: str, identifier: str) -> None:
        super().__init__(f"{kind} {identifier} already exists.")


class InvalidCursor(StoreError):
    """The cursor was not made by this list."""

    status = 400

    def __init__(self) -> None:
        super().__init__("The cursor `after` is not one that this list gave; start again without it.")


class UndeclaredQuery(StoreError):
    """A `find` whose shape is not that of a declared index: a programming error."""

    def __init__(self, kind: str, index: str, problem: str) -> None:
        super().__init__(f"find({kind}, {index}): {problem}")


class NullInOrder(StoreError):
    """A document has no value where an index orders by one: a programming error."""

    def __init__(self, kind: str, identifier: str, index: str, field: str) -> None:
        super().__init__(
            f"{kind} {identifier} has no {field}, by which its index {index} is ordered; give it a value, or make the "
            "index sparse on that field."
        )


class TooLarge(StoreError):
    """A document or an event is over what the engines carry. Nothing was written."""

    status = 413

    def __init__(self, what: str, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(f"{what} takes {size_bytes} bytes; at most {limit_bytes} can be kept.")


class WriteRefused(StoreError):
    """The engine refused a write in a way that trying again won't change: a bug of ours, or a damaged file."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The store refused a write: {why}.")


class StoreUnavailable(Unavailable):
    """The engine is away, closing, or refused the write for a reason of its own (disk full)."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The store can't answer now: {why}.")


class Store(Protocol):
    """One service's documents. Each service has its own handle and sees no other service's."""

    async def get(self, model: type[D], identifier: str) -> D | None:
        """Return the document with this id, or None."""

    async def get_many(self, model: type[D], identifiers: Sequence[str]) -> list[D]:
        """Return the documents that exist among these ids (at most `MAX_PAGE`), in the order asked."""

    async def add(self, document: D, events: Sequence[Payload] = ()) -> D:
        """Store a new document with the events it publishes; return it with its version (1) and sequence.

        Raises:
            AlreadyExists: this id is taken; nothing was written.
            TooLarge: the document, or an event, is over its limit; nothing was written.
            StoreUnavailable: the outcome is unknown; the same call may be repeated.
        """

    async def save(self, document: D, events: Sequence[Payload] = ()) -> D:
        """Replace the document that was read at `document.version`; return it with version + 1.

        Raises:
            StaleVersion: the stored version is another one, or the document is gone; nothing was written.
            TooLarge: the document, or an event, is over its limit; nothing was written.
            StoreUnavailable: the outcome is unknown; load again to see.
        """

    async def discard(self, model: type[D], identifier: str) -> None:
        """Remove a document for good; no error when there is none. Its published events stay published.

        Added again, it would number its events from 1 and repeat their ids: give a new thing a new id.
        """

    async def find(
        self,
        model: type[D],
        index: str,
        equals: Mapping[str, Scalar] | None = None,
        *,
        at_least: Scalar | None = None,
        at_most: Scalar | None = None,
        after: Cursor | None = None,
        limit: int = 50,
        newest_first: bool = False,
    ) -> Page[D]:
        """Return a page of a declared index.

        `equals` gives every field of the index's `equals`; `at_least` and `at_most` bound the first field of its
        `order` (inclusive); `newest_first` reads it backwards; `limit` is 1 to `MAX_PAGE`.

        Raises:
            UndeclaredQuery: the shape is not the index's.
            InvalidCursor: `after` was not given by this very list.
        """

    def scan(self, model: type[D]) -> AsyncIterator[D]:
        """Yield every document of a kind in id order, a page at a time, without blocking the loop for long."""
