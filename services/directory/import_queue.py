"""Uploaded files waiting for their turn, safe from a crash.

A file is kept in a spool folder until its import has ended; a process that died in the middle takes up, when it starts,
every import whose file is still there.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import structlog

from services.directory.errors import ImportsBusy
from services.directory.importing import Importer
from services.directory.model import ImportState
from services.directory.repository import ImportRepository

log = structlog.get_logger()

CHUNK_BYTES = 65_536
MAX_WAITING = 16


class ImportQueue:
    """`submit` queues an import; `run` is the background task that works through the queue, one at a time."""

    def __init__(self, importer: Importer, imports: ImportRepository, spool: Path) -> None:
        self._importer = importer
        self._imports = imports
        self._spool = spool
        self._waiting: asyncio.Queue[str] = asyncio.Queue()

    def refuse_when_busy(self) -> None:
        """Say no before anything is stored.

        Raises:
            ImportsBusy: the queue is full.
        """
        if self._waiting.qsize() >= MAX_WAITING:
            raise ImportsBusy(self._waiting.qsize())

    async def keep_file(self, import_id: str, content: bytes) -> None:
        """Put an uploaded file in the spool, whole or not at all, before its import is stored."""
        await asyncio.to_thread(self._write, import_id, content)

    def submit(self, import_id: str) -> None:
        """Queue an import whose file and document are stored."""
        self._waiting.put_nowait(import_id)

    async def resume(self) -> None:
        """Queue what a former process did not end, and clear away the files of what it did."""
        for path in await asyncio.to_thread(lambda: sorted(self._spool.glob("*.csv"))):
            imported = await self._imports.get(path.stem)
            if imported is not None and imported.state is ImportState.RUNNING:
                self.submit(imported.id)
            else:
                path.unlink()

    async def run(self) -> None:
        """Work through the queue until cancelled; an import that fails says so and the next one begins."""
        while True:
            await self._run_one(await self._waiting.get())

    async def _run_one(self, import_id: str) -> None:
        imported = await self._imports.get(import_id)
        path = self._path(import_id)
        if imported is None or imported.state is not ImportState.RUNNING or not path.exists():
            return
        try:
            await self._importer.bring_in(imported, read_chunks(path))
        except Exception as error:
            # Whatever it is, it must be said, and must not stop the imports behind it.
            log.exception("import.failed", import_id=import_id, error=type(error).__name__)
            await self._importer.fail(imported, error)
        path.unlink(missing_ok=True)

    def _path(self, import_id: str) -> Path:
        return self._spool / f"{import_id}.csv"

    def _write(self, import_id: str, content: bytes) -> None:
        self._spool.mkdir(parents=True, exist_ok=True)
        partial = self._spool / f"{import_id}.part"
        partial.write_bytes(content)
        partial.rename(self._path(import_id))


def read_chunks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, 64 KiB at a time."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
