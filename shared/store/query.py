"""From a declared index to SQL and cursors: pure text work, so that its shapes can be tested against the planner."""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from shared.store.columns import column_name, order_columns, to_column
from shared.store.port import MAX_PAGE, Document, Index, InvalidCursor, Scalar, UndeclaredQuery

Value = str | int | float | None


@dataclass(frozen=True, slots=True)
class Find:
    """A checked `find`: its statement gives one row more than the page, to tell whether there is a next one."""

    sql: str
    values: tuple[Value, ...]
    fingerprint: str
    limit: int


def plan_find(
    table: str,
    model: type[Document],
    index_name: str,
    equals: Mapping[str, Scalar],
    *,
    at_least: Scalar | None,
    at_most: Scalar | None,
    after: str | None,
    limit: int,
    newest_first: bool,
) -> Find:
    """Turn a `find` into SQL.

    Raises:
        UndeclaredQuery: no such index, or `equals` or `limit` do not fit it.
        InvalidCursor: `after` belongs to another list.
    """
    index = declared(model, index_name)
    if set(equals) != set(index.equals):
        raise UndeclaredQuery(model.kind, index_name, f"equals must give exactly {list(index.equals)}")
    if not 1 <= limit <= MAX_PAGE:
        raise UndeclaredQuery(model.kind, index_name, f"limit must be 1 to {MAX_PAGE}")
    fixed = [to_column(equals[field]) for field in index.equals]
    fingerprint = _fingerprint(model.kind, index_name, fixed, newest_first)
    conditions = [f"{column_name(field)} = ?" for field in index.equals]
    values: list[Value] = list(fixed)
    columns = order_columns(index)
    if index.sparse:
        conditions.append(f"{columns[0]} IS NOT NULL")
    for bound, sign in ((at_least, ">="), (at_most, "<=")):
        if bound is not None:
            conditions.append(f"{columns[0]} {sign} ?")
            values.append(to_column(bound))
    if after is not None:
        position = read_cursor(after, fingerprint, len(columns))
        conditions.append(
            f"({', '.join(columns)}) {'<' if newest_first else '>'} ({', '.join('?' * len(columns))})"
        )
        values.extend(position)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    direction = " DESC" if newest_first else ""
    order = ", ".join(column + direction for column in columns)
    # Left to itself the planner, which keeps no statistics here, takes a shorter index and reads rows in vain.
    source = f'"{table}" INDEXED BY "{table}__{index_name}"'
    sql = f"SELECT body, {', '.join(columns)} FROM {source}{where} ORDER BY {order} LIMIT ?"
    return Find(sql, (*values, limit + 1), fingerprint, limit)


def declared(model: type[Document], name: str) -> Index:
    """Return the model's index of that name, or raise `UndeclaredQuery`."""
    for index in model.indexes:
        if index.name == name:
            return index
    raise UndeclaredQuery(model.kind, name, f"declared: {[index.name for index in model.indexes]}")


def write_cursor(fingerprint: str, position: Sequence[Value]) -> str:
    """Return the cursor after a row, opaque and tied to its list."""
    return base64.urlsafe_b64encode(orjson.dumps([fingerprint, *position])).decode().rstrip("=")


def read_cursor(cursor: str, fingerprint: str, width: int) -> list[Value]:
    """Return the position in a cursor, or raise `InvalidCursor`."""
    try:
        parts = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor from error
    if not isinstance(parts, list) or len(parts) != width + 1 or parts[0] != fingerprint:
        raise InvalidCursor
    if not all(isinstance(part, str | float) or _is_column_integer(part) for part in parts[1:]):
        raise InvalidCursor
    return parts[1:]


def _is_column_integer(part: object) -> bool:
    # JSON holds integers that a column can't.
    return isinstance(part, int) and -(2**63) <= part < 2**63


def _fingerprint(kind: str, index: str, fixed: Sequence[Value], newest_first: bool) -> str:
    # JSON keeps the values apart whatever they hold; 12 bytes are enough to tell two lists apart.
    return hashlib.blake2s(orjson.dumps([kind, index, list(fixed), newest_first]), digest_size=12).hexdigest()
