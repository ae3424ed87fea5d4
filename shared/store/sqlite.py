"""The embedded engine of the store port: SQLite, one writer thread with group commit, the log in the same file.

Layout: a table for each kind of document (`<service>__<kind>`: id, version, body in JSON, a column for each index field),
a table for each topic (`log__<topic>`), and the groups' positions. A save and its events are rows of one
transaction, so the log is the outbox. Reads run on the event loop: they are single pages of an index.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import apsw

from shared.bus.topics import TOPICS, Topic
from shared.clock import Clock
from shared.errors import RelaisError, Unavailable
from shared.events.envelope import OutgoingEvent, stamp
from shared.events.payload import Payload
from shared.observability import metrics
from shared.observability.tracing import current_traceparent
from shared.sqlite.file import ExclusiveFile, FileUnusable
from shared.sqlite.writer import (
    GroupCommitWriter,
    OnCommit,
    OnStep,
    WriteFailed,
    WriterUnavailable,
    no_step,
    translated,
)
from shared.store.columns import column_name, index_fields, ordered_by, read_field
from shared.store.port import (
    MAX_DOCUMENT_BYTES,
    MAX_PAGE,
    AlreadyExists,
    Cursor,
    D,
    Document,
    NullInOrder,
    Page,
    Scalar,
    StaleVersion,
    StoreUnavailable,
    TooLarge,
    UndeclaredQuery,
    WriteRefused,
)
from shared.store.query import plan_find, write_cursor
from shared.store.schema import prepare_log, prepare_table

T = TypeVar("T")
_SURELY_SMALL = MAX_DOCUMENT_BYTES // 4  # characters: UTF-8 takes at most four bytes for one
OnPublished = Callable[[frozenset[Topic]], None]


class SqliteEngine:
    """One file for all services of one process: makes store handles, and lets the embedded bus read the log."""

    def __init__(
        self, path: Path, clock: Clock, *, on_step: OnStep = no_step, on_commit: OnCommit | None = None
    ) -> None:
        """Open or make the file. Call from the event loop that will use it.

        Raises:
            FileInUse: another process runs on it.
            FileUnusable: it can't be opened, or is no database.
        """
        self.clock = clock
        with ExitStack() as undo:
            self._file = ExclusiveFile(path)
            undo.callback(self._file.close)
            try:
                connection = self._file.writer()
                undo.callback(connection.close)
                prepare_log(connection)
                self._reader = self._file.reader()
            except apsw.Error as error:
                raise FileUnusable(path, f"SQLite says {type(error).__name__}") from error
            undo.pop_all()
        self._writer = GroupCommitWriter(connection, "store", on_step=on_step, on_commit=on_commit)
        self._listeners: list[OnPublished] = []

    def store(self, service: str) -> "SqliteStore":
        """Return the handle of one service."""
        return SqliteStore(self, service)

    def on_published(self, listener: OnPublished) -> None:
        """Call `listener` with the topics, on the event loop, after each commit that published events."""
        self._listeners.append(listener)

    async def write(
        self, operation: Callable[[apsw.Connection], T], *, published: Sequence[OutgoingEvent] = ()
    ) -> T:
        """Run an operation in the next transaction; return once it is durable.

        Raises:
            StoreUnavailable: closed, too busy, or the disk refused.
            WriteRefused: SQLite refused the operation itself: a bug.
        """
        try:
            return await self._writer.submit(
                operation, after_commit=partial(self._tell, published) if published else None
            )
        except (WriterUnavailable, WriteFailed) as error:
            raise _translated(error) from error

    def read(self, sql: str, values: Sequence[float | str | None] = ()) -> list[Any]:
        """Return the rows of a short query, as of the last commit.

        Raises:
            StoreUnavailable: closed, or the disk refused.
        """
        try:
            return self._reader.execute(sql, values).fetchall()
        except apsw.Error as error:
            raise _translated(translated(error)) from error

    def _tell(self, published: Sequence[OutgoingEvent]) -> None:
        for event in published:
            metrics.child(metrics.EVENTS_PUBLISHED, event.type).inc()
        topics = frozenset(event.topic for event in published)
        for listener in self._listeners:
            listener(topics)

    async def close(self) -> None:
        """End what was queued, then let go of the file. A second call does nothing."""
        self._reader.close()  # first: the last connection moves the write-ahead log into the file, and must be able to
        await self._writer.close()
        self._file.close()


class SqliteStore:
    """The documents of one service in the engine's file."""

    def __init__(self, engine: SqliteEngine, service: str) -> None:
        self._engine = engine
        self._service = service
        self._tables: dict[type[Document], _Table] = {}

    async def get(self, model: type[D], identifier: str) -> D | None:
        """Return the document with this id, or None."""
        table = await self._table(model)
        rows = self._engine.read(table.select, (identifier,))
        return model.model_validate_json(rows[0][0]) if rows else None

    async def get_many(self, model: type[D], identifiers: Sequence[str]) -> list[D]:
        """Return the documents that exist among these ids, in the order asked."""
        if len(identifiers) > MAX_PAGE:
            raise UndeclaredQuery(model.kind, "id", f"at most {MAX_PAGE} ids at once")
        found = [await self.get(model, identifier) for identifier in identifiers]
        return [document for document in found if document is not None]

    async def add(self, document: D, events: Sequence[Payload] = ()) -> D:
        """Store a new document with its events."""
        table = await self._table(type(document))
        now = self._engine.clock.now()
        stored, outgoing = _next(document.model_copy(update={"version": 0, "sequence": 0}), events, now)
        row = table.row(stored)

        def insert(connection: apsw.Connection) -> None:
            connection.execute(table.insert, row)
            if connection.changes() == 0:
                raise AlreadyExists(document.kind, document.id)
            _append(connection, outgoing, now)

        await self._engine.write(insert, published=outgoing)
        return stored

    async def save(self, document: D, events: Sequence[Payload] = ()) -> D:
        """Replace the document that was read at its version, with its events."""
        table = await self._table(type(document))
        now = self._engine.clock.now()
        stored, outgoing = _next(document, events, now)
        row = (*table.row(stored)[1:], document.id, document.version)

        def update(connection: apsw.Connection) -> None:
            connection.execute(table.update, row)
            if connection.changes() == 0:
                raise StaleVersion(document.kind, document.id)
            _append(connection, outgoing, now)

        await self._engine.write(update, published=outgoing)
        return stored

    async def discard(self, model: type[D], identifier: str) -> None:
        """Remove a document; SQLite overwrites its content (`secure_delete`)."""
        table = await self._table(model)
        await self._engine.write(lambda connection: connection.execute(table.delete, (identifier,)))

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
        """Return a page of a declared index."""
        table = await self._table(model)
        plan = plan_find(
            table.name,
            model,
            index,
            equals or {},
            at_least=at_least,
            at_most=at_most,
            after=after,
            limit=limit,
            newest_first=newest_first,
        )
        rows = self._engine.read(plan.sql, plan.values)
        items = [model.model_validate_json(row[0]) for row in rows[: plan.limit]]
        more = len(rows) > plan.limit
        return Page(items, write_cursor(plan.fingerprint, rows[plan.limit - 1][1:]) if more else None)

    async def scan(self, model: type[D]) -> AsyncIterator[D]:
        """Yield every document of a kind in id order, a page at a time."""
        table = await self._table(model)
        last = ""
        while rows := self._engine.read(table.scan, (last, MAX_PAGE)):
            for identifier, body in rows:
                last = identifier
                yield model.model_validate_json(body)
            await asyncio.sleep(0)  # a loop over this generator would otherwise keep the event loop to itself

    async def _table(self, model: type[Document]) -> "_Table":
        table = self._tables.get(model)
        if table is None:
            made = _Table(self._service, model)
            await self._engine.write(lambda connection: prepare_table(connection, made.name, model))
            table = self._tables[model] = made
        return table


class _Table:
    """The statements of one kind of document; names come from the code, values are always bound."""

    def __init__(self, service: str, model: type[Document]) -> None:
        self.name = name = f"{service}__{model.kind}"
        self._fields = index_fields(model)
        self._never_null = ordered_by(model)
        columns = ["id", "version", "body", *(column_name(field) for field in self._fields)]
        marks = ", ".join("?" * len(columns))
        changes = ", ".join(f"{column} = ?" for column in columns[1:])
        self.select = f'SELECT body FROM "{name}" WHERE id = ?'
        self.scan = f'SELECT id, body FROM "{name}" WHERE id > ? ORDER BY id LIMIT ?'
        self.insert = (
            f'INSERT INTO "{name}" ({", ".join(columns)}) VALUES ({marks}) ON CONFLICT(id) DO NOTHING'
        )
        self.update = f'UPDATE "{name}" SET {changes} WHERE id = ? AND version = ?'
        self.delete = f'DELETE FROM "{name}" WHERE id = ?'

    def row(self, document: Document) -> tuple[str | int | float | None, ...]:
        """Return the values of a document's columns."""
        columns = {field: read_field(document, field) for field in self._fields}
        for index, field in self._never_null:
            if columns[field] is None:
                raise NullInOrder(document.kind, document.id, index, field)
        body = document.model_dump_json()
        if len(body) > _SURELY_SMALL and (size := len(body.encode())) > MAX_DOCUMENT_BYTES:
            raise TooLarge(f"{document.kind} {document.id}", size, MAX_DOCUMENT_BYTES)
        return (document.id, document.version, body, *columns.values())


def _next(document: D, events: Sequence[Payload], now: datetime) -> tuple[D, list[OutgoingEvent]]:
    """Return the document as it will be stored, and its events stamped."""
    update = {"version": document.version + 1, "sequence": document.sequence + len(events)}
    outgoing = stamp(document.id, document.sequence, events, now, current_traceparent()) if events else []
    for event in outgoing:
        limit = TOPICS[event.topic].max_message_bytes
        if len(event.body) > limit:
            raise TooLarge(f"The event {event.type} of {document.kind} {document.id}", len(event.body), limit)
    return document.model_copy(update=update), outgoing


def _translated(error: RelaisError) -> StoreUnavailable | WriteRefused:
    return StoreUnavailable(str(error)) if isinstance(error, Unavailable) else WriteRefused(str(error))


def _append(connection: apsw.Connection, outgoing: Sequence[OutgoingEvent], now: datetime) -> None:
    for event in outgoing:
        connection.execute(_APPEND[event.topic], (event.key, event.body, now.timestamp()))


_APPEND = {topic: f'INSERT INTO "log__{topic}" (key, body, at) VALUES (?, ?, ?)' for topic in TOPICS}


def log_table(topic: Topic) -> str:
    """Return the quoted name of a topic's log table."""
    return f'"log__{topic}"'
