"""One thread that writes: operations that wait together share one transaction and one sync to disk.

An operation is a function of the connection. It must check before it changes: when it raises a `RelaisError` it has
written nothing, and only its own caller hears of it. Any other failure rolls the shared transaction back, and each
operation is then tried in a transaction of its own, so that one bad row can't take its neighbours along.

A caller that is cancelled while it waits does not know what became of its operation: it is carried out all the same.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import apsw
import structlog

from shared.errors import RelaisError, Unavailable

log = structlog.get_logger()

T = TypeVar("T")
Operation = Callable[[apsw.Connection], T]
OnStep = Callable[[str], None]
OnCommit = Callable[[int, float], None]
AfterCommit = Callable[[], None]

MAX_BATCH = 512
"""Operations in one transaction: about 10 ms of work, so that no caller waits long behind others."""

MAX_QUEUED = 20_000
"""Operations that may wait: about half a second of work. Beyond it a caller is better told to come back."""

BUSY_MILLISECONDS = 5_000
"""How long the writer waits for an operator's tool that holds the file."""

# What may pass when the disk, the memory or another tool on the file lets go. Anything else is a bug or a damaged file.
_PASSING = (
    apsw.FullError,
    apsw.IOError,
    apsw.BusyError,
    apsw.LockedError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.NoMemError,
    apsw.InterruptError,
    apsw.ProtocolError,
)


class WriterUnavailable(Unavailable):
    """The writer is closed, has too much to do, or the disk refused the write."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The write could not be done now: {why}.")


class WriteFailed(RelaisError):
    """SQLite refused the operation in a way that trying again won't change: a bug, or a damaged file."""

    def __init__(self, why: str) -> None:
        super().__init__(f"SQLite refused the write: {why}.")


@dataclass(slots=True)
class _Request:
    operation: Operation[Any]
    future: asyncio.Future[Any]
    after_commit: AfterCommit | None
    result: Any = None
    error: BaseException | None = None


def no_step(_name: str) -> None:
    """Do nothing at a step; crash tests give a function that ends the process here."""


def translated(error: apsw.Error) -> RelaisError:
    """Return what an error of SQLite means to us: something that passes, or a bug."""
    if isinstance(error, (*_PASSING, apsw.ConnectionClosedError)):
        return WriterUnavailable(type(error).__name__)
    return WriteFailed(type(error).__name__)


class GroupCommitWriter:
    """Runs operations in batches on its own thread. Made, called and closed on one event loop.

    `on_step` is told each step of a batch (`begun`, `written`, `committed`), on the writer's thread; `on_commit` gets the
    size and duration in seconds of each transaction.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        name: str,
        *,
        on_step: OnStep = no_step,
        on_commit: OnCommit | None = None,
    ) -> None:
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._on_step = on_step
        self._on_commit = on_commit
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=f"{name}-writer", daemon=True)
        self._thread.start()

    def submit(
        self, operation: Operation[T], *, after_commit: AfterCommit | None = None
    ) -> "asyncio.Future[T]":
        """Queue an operation; the future ends once its transaction is durable.

        `after_commit` is called on the event loop when the operation did its work, even if its caller gave up meanwhile.

        Raises:
            WriterUnavailable: closed, or `MAX_QUEUED` operations wait.
        """
        if self._closed:
            raise WriterUnavailable("it is closed")
        if self._queue.qsize() >= MAX_QUEUED:
            raise WriterUnavailable("too many writes wait")
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put(_Request(operation, future, after_commit))
        return future

    async def close(self) -> None:
        """Write what is queued, then end the thread and close the connection. Each call returns once that is done."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        self._connection.close()

    def _work(self) -> None:
        last = False
        while not last and (request := self._queue.get()) is not None:
            batch = [request]
            last = self._drain(batch)
            self._commit(batch)
            with suppress(
                RuntimeError
            ):  # the loop ended without `close`: nobody waits for an answer any more
                self._loop.call_soon_threadsafe(_answer, batch)

    def _drain(self, batch: list[_Request]) -> bool:
        while len(batch) < MAX_BATCH:
            try:
                request = self._queue.get_nowait()
            except queue.Empty:
                return False
            if request is None:
                return True
            batch.append(request)
        return False

    def _commit(self, batch: list[_Request]) -> None:
        started = time.perf_counter()
        try:
            self._transaction(batch)
        except Exception as error:  # noqa: BLE001 - told to the caller of the operation, or tried again alone
            if len(batch) == 1:
                batch[0].error = translated(error) if isinstance(error, apsw.Error) else error
                return
            for request in batch:
                request.error = None
                self._commit([request])
            return
        self._on_step("committed")
        if self._on_commit:
            try:
                self._on_commit(len(batch), time.perf_counter() - started)
            except Exception:  # an observer's bug must not make a durable write look failed
                log.exception("sqlite.observer.failed", thread=self._thread.name)

    def _transaction(self, batch: list[_Request]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._on_step("begun")
            for request in batch:
                try:
                    request.result = request.operation(self._connection)
                except RelaisError as error:
                    request.error = error
            self._on_step("written")
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


def _answer(batch: list[_Request]) -> None:
    for request in batch:
        if request.future.done():
            continue  # its caller was cancelled meanwhile
        if request.error is not None:
            request.future.set_exception(request.error)
        else:
            request.future.set_result(request.result)
    for request in batch:  # last: whatever a listener does, every caller has its answer
        if request.error is None and request.after_commit is not None:
            request.after_commit()
