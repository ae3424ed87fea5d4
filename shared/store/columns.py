"""How index fields become SQLite columns: plain values that sort as their Python values do.

Times become whole microseconds since 1970 (their RFC 3339 text would sort wrongly with and without a fraction),
booleans 0 and 1. A null stays null and is found by no equality.
"""

from datetime import UTC, datetime
from enum import Enum
from typing import Any

from shared.store.port import Document, Index, Scalar

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def column_name(field: str) -> str:
    """Return the column of an index field; `id` is the table's own."""
    return field if field == "id" else "ix_" + field.replace(".", "_")


def index_fields(model: type[Document]) -> tuple[str, ...]:
    """Return every field that some index of the model uses, but `id`, in a stable order."""
    names: dict[str, None] = {}
    for index in model.indexes:
        for field in (*index.equals, *index.order):
            if field != "id":
                names[field] = None
    return tuple(names)


def ordered_by(model: type[Document]) -> tuple[tuple[str, str], ...]:
    """Return the (index, field) pairs in which a null is refused: every order but a sparse index's."""
    return tuple(
        (index.name, field)
        for index in model.indexes
        if not index.sparse
        for field in index.order
        if field not in ("id", "created_at")
    )


def to_column(value: Scalar | Enum | None) -> str | int | float | None:
    """Return the stored form of an index value."""
    if isinstance(value, datetime):
        delta = value - _EPOCH
        return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
    if isinstance(value, Enum):
        inner: Scalar = value.value
        return to_column(inner)
    return int(value) if isinstance(value, bool) else value


def read_field(document: Document, field: str) -> str | int | float | None:
    """Return the stored form of a document's (dotted) field; a missing step on the way is null."""
    value: Any = document
    for part in field.split("."):
        if value is None:
            return None
        value = getattr(value, part)
    return to_column(value)


def order_columns(index: Index) -> list[str]:
    """Return the columns that an index is read by."""
    return [column_name(field) for field in index.order]
