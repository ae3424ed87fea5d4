"""One thread that writes: operations that wait together share one transaction and one sync to disk.

An operation is a function of the connection. It must check before it changes: when it raises a `RelaisError` it has
written nothing, and only its own caller hears of it. Any other failure rolls the shared transaction back, and each
operation is then tried in a transaction of its own, so that one bad row can't take its neighbours along.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import apsw

from shared.errors import RelaisError, Unavailable

T = TypeVar("T")
Operation = Callable[[apsw.Connection], T]
OnStep = Callable[[str], None]
OnCommit = Callable[[int, float], None]

MAX_BATCH = 512
"""Operations in one transaction: about 10 ms of work, so that no caller waits long behind others."""


class WriterUnavailable(Unavailable):
    """The writer is closed, or the disk refused the write."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The write could not be done now: {why}.")


@dataclass(slots=True)
class _Request:
    operation: Operation[Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


def no_step(_name: str) -> None:
    """Do nothing at a step; crash tests give a function that ends the process here."""


class GroupCommitWriter:
    """Runs operations in batches on its own thread. `run` is called from one event loop only.

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
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._on_step = on_step
        self._on_commit = on_commit
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=f"{name}-writer", daemon=True)
        self._thread.start()

    def submit(self, operation: Operation[T]) -> "asyncio.Future[T]":
        """Queue an operation; the future ends once its transaction is durable.

        Raises:
            WriterUnavailable: closed.
        """
        if self._closed:
            raise WriterUnavailable("it is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put(_Request(operation, future))
        return future

    async def close(self) -> None:
        """Write what is queued, then end the thread and close the connection."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        self._connection.close()

    def _work(self) -> None:
        while (request := self._queue.get()) is not None:
            batch = [request]
            last = self._drain(batch)
            self._commit(batch)
            self._loop.call_soon_threadsafe(_answer, batch)
            if last:
                return

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
        try:
            self._transaction(batch)
        except Exception as error:  # noqa: BLE001 - told to the caller of the operation, or tried again alone
            if len(batch) == 1:
                batch[0].error = (
                    WriterUnavailable(type(error).__name__) if isinstance(error, apsw.Error) else error
                )
                return
            for request in batch:
                request.error = None
                self._commit([request])

    def _transaction(self, batch: list[_Request]) -> None:
        started = time.perf_counter()
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
        self._on_step("committed")
        if self._on_commit:
            self._on_commit(len(batch), time.perf_counter() - started)


def _answer(batch: list[_Request]) -> None:
    for request in batch:
        if request.future.done():
            continue  # its caller was cancelled meanwhile
        if request.error is not None:
            request.future.set_exception(request.error)
        else:
            request.future.set_result(request.result)
