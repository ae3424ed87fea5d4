"""The vault's embedded engine: one SQLite file of its own, apart from the data and from its backups.

One process uses the file: a second one is refused at `open_vault`. Writes go through one thread with group commit; a destruction also empties the write-ahead log, so that no copy of the key outlives it in the
vault's files (`secure_delete=ON` zeroes the page). Reads are single rows by primary key, made on the event loop.
"""

import asyncio
import os
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

import apsw

from shared.clock import Clock
from shared.sqlite.file import ExclusiveFile
from shared.sqlite.writer import GroupCommitWriter, Operation, WriterUnavailable
from shared.vault.port import CaseErased, UnknownCase, VaultError, VaultUnavailable
from shared.vault.sealing import KEY_BYTES, CaseKey, HeldKey, KeyCache, MasterKey, RandomBytes

T = TypeVar("T")

APPLICATION_ID = 0x52564C54  # "RVLT": tells a vault from any other SQLite file
LAYOUT = 1
BUSY_TIMEOUT_MS = 5_000  # writing waits while the log is emptied, and the other way round: milliseconds

_TABLES = """
CREATE TABLE master_keys (id TEXT PRIMARY KEY, first_used_at TEXT NOT NULL) STRICT;
CREATE TABLE case_keys (
    case_id      TEXT PRIMARY KEY,
    institution  TEXT,
    master_key   TEXT REFERENCES master_keys,
    wrapped      BLOB,
    created_at   TEXT,
    destroyed_at TEXT,
    CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
"""


class WrongMasterKey(VaultError):
    """The master key is not the one that wrapped the keys of this file."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"The vault {path} was made with another master key: nothing in it could be opened. "
            "Set RELAIS_MASTER_KEY to the key it was made with."
        )


class NotAVault(VaultError):
    """The file is something else, damaged, or of a newer version of Relais."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path} can't be used as a vault: {problem}.")


class _Row(NamedTuple):
    institution: str | None
    wrapped: bytes | None


class SqliteVault:
    """See `shared.vault.port.Vault` for the promises; made by `open_vault`."""

    def __init__(
        self,
        file: ExclusiveFile,
        writing: apsw.Connection,
        master: MasterKey,
        clock: Clock,
        random_bytes: RandomBytes,
    ) -> None:
        self._file = file
        self._writer = GroupCommitWriter(writing, "vault")
        self._reader = file.reader()
        self._log = _Log(file)
        self._master = master
        self._clock = clock
        self._random_bytes = random_bytes
        self._cache = KeyCache(clock)
        self._closed = False

    async def create(self, case_id: str, institution: str) -> None:
        """Make the case's key; see the port."""
        row = self._read(case_id)
        if row is None:
            wrapped = self._master.wrap(case_id, institution, self._random_bytes(KEY_BYTES))
            row = await self._write(
                _adding(case_id, institution, wrapped, self._master.id, self._clock.now())
            )
        if row.institution not in (institution, None):
            raise UnknownCase(case_id)
        if row.wrapped is None:
            raise CaseErased(case_id)

    async def owner(self, case_id: str) -> str:
        """Return the case's institution; see the port."""
        return self._key(case_id).institution

    async def seal(self, case_id: str, purpose: str, plain: bytes) -> str:
        """Encrypt under the case key; see the port."""
        return self._key(case_id).key.seal(purpose, plain)

    async def open(self, case_id: str, purpose: str, sealed: str) -> bytes:
        """Decrypt what `seal` made; see the port."""
        return self._key(case_id).key.open(purpose, sealed)

    async def destroy(self, case_id: str) -> None:
        """Replace the key by a destroyed marker; see the port.

        A case that was never created gets its marker too: an erasure may overtake a creation that is repeated.
        """
        work = asyncio.ensure_future(self._destroy(case_id))
        await asyncio.shield(work)  # a caller that goes away must not leave a destroyed key in the cache

    async def close(self) -> None:
        """End the writes that wait, close the file and let another process have it; a repeat changes nothing."""
        if self._closed:
            return
        self._closed = True
        await self._writer.close()
        await self._log.close()
        self._reader.close()
        self._file.close()

    async def _write(self, operation: Operation[T]) -> T:
        try:
            return await self._writer.submit(operation)
        except WriterUnavailable as error:
            raise VaultUnavailable(str(error)) from error

    async def _destroy(self, case_id: str) -> None:
        await self._write(_destroying(case_id, self._clock.now()))
        self._cache.drop(case_id)
        await self._log.empty()

    def _key(self, case_id: str) -> HeldKey:
        held = self._cache.get(case_id)
        if held is not None:
            return held
        row = self._read(case_id)
        if row is None:
            raise UnknownCase(case_id)
        return self._hold(case_id, row)

    def _hold(self, case_id: str, row: _Row) -> HeldKey:
        if row.wrapped is None or row.institution is None:
            raise CaseErased(case_id)
        key = self._master.unwrap(case_id, row.institution, row.wrapped)
        held = HeldKey(row.institution, CaseKey(case_id, key, self._random_bytes))
        self._cache.put(case_id, held)
        return held

    def _read(self, case_id: str) -> _Row | None:
        try:
            return _select(self._reader, case_id)
        except apsw.Error as error:
            raise VaultUnavailable(type(error).__name__) from error


class _Log:
    """Empties the write-ahead log, on a connection of its own because that can't happen inside a transaction."""

    def __init__(self, file: ExclusiveFile) -> None:
        self._connection = file.writer()
        self._connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        self._one_at_a_time = asyncio.Lock()

    async def empty(self) -> None:
        """Return once the log holds no earlier write.

        Raises:
            VaultUnavailable: readers or the disk kept it from being emptied; the same call may pass later.
        """
        async with self._one_at_a_time:
            if not await asyncio.to_thread(self._empty):
                raise VaultUnavailable("its log can't be emptied")

    async def close(self) -> None:
        """Close the connection once it is idle."""
        async with self._one_at_a_time:
            self._connection.close()

    def _empty(self) -> bool:
        try:
            busy, _pages, _moved = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").get
        except apsw.Error:
            return False
        return not busy


def open_vault(
    path: Path, master_key: bytes, clock: Clock, random_bytes: RandomBytes = os.urandom
) -> SqliteVault:
    """Open the vault on the running event loop, making its file (for its user only) when there is none.

    Raises:
        FileInUse: another process, or another vault of this one, has it open.
        WrongMasterKey: the file was made with another key.
        NotAVault: the file is something else, or of a newer version.
    """
    with ExitStack() as undo:
        file = ExclusiveFile(path)
        undo.callback(file.close)
        master = MasterKey(master_key, random_bytes)
        try:
            writing = file.writer()
            undo.callback(writing.close)
            writing.set_busy_timeout(BUSY_TIMEOUT_MS)
            _prepare(writing, path, master, clock.now())
            vault = SqliteVault(file, writing, master, clock, random_bytes)
        except apsw.Error as error:
            raise NotAVault(path, f"SQLite says {type(error).__name__}") from error
        undo.pop_all()
    return vault


def _prepare(connection: apsw.Connection, path: Path, master: MasterKey, now: datetime) -> None:
    with connection:
        if not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").get:
            connection.execute(_TABLES)
            connection.pragma("application_id", APPLICATION_ID)
            connection.pragma("user_version", LAYOUT)
            connection.execute("INSERT INTO master_keys VALUES (?, ?)", (master.id, now.isoformat()))
        if connection.pragma("application_id") != APPLICATION_ID:
            raise NotAVault(path, "it is another kind of SQLite file")
        layout = connection.pragma("user_version")
        if layout != LAYOUT:
            raise NotAVault(path, f"its layout is {layout} and this version of Relais reads {LAYOUT}")
        if not connection.execute("SELECT 1 FROM master_keys WHERE id = ?", (master.id,)).get:
            raise WrongMasterKey(path)


def _select(connection: apsw.Connection, case_id: str) -> _Row | None:
    found = connection.execute("SELECT institution, wrapped FROM case_keys WHERE case_id = ?", (case_id,)).get
    return None if found is None else _Row(*found)


def _adding(case_id: str, institution: str, wrapped: bytes, master_id: str, now: datetime) -> Operation[_Row]:
    def operation(connection: apsw.Connection) -> _Row:
        connection.execute(
            "INSERT INTO case_keys (case_id, institution, master_key, wrapped, created_at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (case_id) DO NOTHING",  # somebody else's row, or a marker, stays: the caller reads it
            (case_id, institution, master_id, wrapped, now.isoformat()),
        )
        stored = _select(connection, case_id)
        if stored is None:
            raise AssertionError("a row that was just added is there")
        return stored

    return operation


def _destroying(case_id: str, now: datetime) -> Operation[None]:
    def operation(connection: apsw.Connection) -> None:
        connection.execute(
            "INSERT INTO case_keys (case_id, destroyed_at) VALUES (?1, ?2) ON CONFLICT (case_id) DO UPDATE "
            "SET wrapped = NULL, master_key = NULL, destroyed_at = ?2 WHERE destroyed_at IS NULL",
            (case_id, now.isoformat()),
        )

    return operation
