"""Bare apsw with group commit, for the floors: one thread, one queue, WAL and full sync; nothing of ours."""

import asyncio
import queue
import threading
from pathlib import Path

import apsw

Statement = tuple[str, tuple[str | float, ...]]
_Waiting = tuple[list[Statement], "asyncio.Future[None]"]

CALLERS = 64


class BareGroupCommit:
    """Runs statements in shared transactions; each caller awaits its own durable commit."""

    def __init__(self, path: Path, schema: list[str]) -> None:
        self._connection = apsw.Connection(str(path))
        for sql in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA secure_delete=ON", *schema):
            self._connection.execute(sql)
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def write(self, *statements: Statement) -> "asyncio.Future[None]":
        """Queue statements; the future ends once they are durable."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._queue.put((list(statements), future))
        return future

    def close(self) -> None:
        """End the thread."""
        self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            while len(batch) < 512 and not self._queue.empty() and (item := self._queue.get()) is not None:
                batch.append(item)
            self._connection.execute("BEGIN IMMEDIATE")
            for statements, _ in batch:
                for sql, values in statements:
                    self._connection.execute(sql, values)
            self._connection.execute("COMMIT")
            self._loop.call_soon_threadsafe(_answer, batch)


def _answer(batch: list[_Waiting]) -> None:
    for _, future in batch:
        future.set_result(None)
