"""Brings a file of venues into the directory: staged, flipped, settled, each step repeatable.

Running an import twice gives the same venues, so one that was interrupted is simply run again. Rows are read in slices
of a few milliseconds, so that the event loop goes on serving. Two imports of one source must not run at once: the
queue of a process runs them one by one.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from itertools import islice

import structlog

from services.directory.documents import ENTRIES_PER_PAGE, Import, ReportPage, Source, Staged, Venue
from services.directory.metrics import IMPORTED_ROWS
from services.directory.model import ImportCounts, ImportState, ReportEntry, venue_id
from services.directory.municipalities import Municipalities
from services.directory.replica import IndexReplica
from services.directory.repository import ImportRepository, VenueRepository
from services.directory.standards.mednum import HeaderUnusable, RowResult, VenueFile
from shared.clock import Clock
from shared.events.venues import SourceImported
from shared.store.port import StaleVersion

log = structlog.get_logger()

SLICE_ROWS = 20
"""Rows read at a stretch: about 4 ms on a slow core."""
BATCH_ROWS = 100
"""Rows staged together: they share a commit."""

Progress = Callable[[int, int], None]


class Importer:
    """Runs one import from its bytes to published venues."""

    def __init__(
        self,
        *,
        venues: VenueRepository,
        imports: ImportRepository,
        replica: IndexReplica,
        municipalities: Municipalities,
        clock: Clock,
    ) -> None:
        self._venues = venues
        self._imports = imports
        self._replica = replica
        self._municipalities = municipalities
        self._clock = clock

    async def bring_in(
        self, imported: Import, chunks: Iterable[bytes], on_progress: Progress | None = None
    ) -> Import:
        """Read a file to its end and make its venues those of the source; return the ended import.

        `on_progress` is called with the bytes and rows read so far.
        """
        report = _Report(imported, self._imports)
        try:
            file = VenueFile(
                chunks,
                municipalities=self._municipalities,
                today=self._clock.now().date(),
                on_progress=on_progress,
            )
        except HeaderUnusable as error:
            return await self._end(imported, ImportState.REFUSED, refusal=str(error))
        await report.say(file.header_notes)
        counts, seen = await self._stage(imported, file, report)
        counts.blanks = dict(file.blanks)
        counts.retired = await self._stage_retirements(imported, seen)
        await self._flip(imported)
        await self._replica.reload_source(imported.source)
        await self._settle(imported, counts)
        counts.by_rule = dict(report.by_rule)
        ended = await self._end(imported, ImportState.COMPLETED, counts=counts, entries=await report.finish())
        log.info(
            "import.completed",
            import_id=ended.id,
            source=ended.source,
            **counts.model_dump(exclude={"blanks"}),
        )
        return ended

    async def _stage(
        self, imported: Import, file: VenueFile, report: "_Report"
    ) -> tuple[ImportCounts, set[str]]:
        counts, seen = ImportCounts(), set[str]()
        source = await self._venues.source(imported.source)
        current = source.current_import if source else None
        async for rows in _batches(file):
            known = await self._venues.stored(
                [_id_of(imported, row) for row in rows if row.record is not None]
            )
            writes: list[Awaitable[Venue]] = []
            for row in rows:
                counts.rows += 1
                if row.record is None:
                    counts.rejected += 1
                    continue
                counts.imported += 1
                identifier = _id_of(imported, row)
                seen.add(identifier)
                write = self._staging(imported, row, known.get(identifier), current, counts)
                writes += [write] if write is not None else []
            await _all(writes)
            await report.say([note for row in rows for note in row.notes])
        IMPORTED_ROWS.labels("imported").inc(counts.imported)
        IMPORTED_ROWS.labels("rejected").inc(counts.rejected)
        return counts, seen

    def _staging(
        self,
        imported: Import,
        row: RowResult,
        known: Venue | None,
        current: str | None,
        counts: ImportCounts,
    ) -> Awaitable[Venue] | None:
        """The write that stages a row, or None when the venue already says just that."""
        corrections = tuple(note for note in row.notes if note.field is not None)
        staged = Staged(import_id=imported.id, record=row.record, corrections=corrections)
        if known is None:
            counts.created += 1
            new = Venue(
                id=_id_of(imported, row),
                created_at=self._clock.now(),
                source=imported.source,
                owner=imported.owner,
                staged=staged,
            )
            return self._venues.add(new)
        seen = known.as_read(current)
        if seen is None:
            counts.created += 1
        elif seen.record == row.record and seen.retired_at is None:
            counts.unchanged += 1
            # What an interrupted import has left must not stay behind: its turn never came.
            return self._unstaging(known, current)
        else:
            counts.updated += 1
        return (
            None
            if known.staged == staged
            else self._venues.save(_settled_if(known, current).model_copy(update={"staged": staged}))
        )

    def _unstaging(self, known: Venue, current: str | None) -> Awaitable[Venue] | None:
        if known.staged is None or known.staged.import_id == current:
            return None
        return self._venues.save(known.model_copy(update={"staged": None}))

    async def _stage_retirements(self, imported: Import, seen: set[str]) -> int:
        source = await self._venues.source(imported.source)
        current = source.current_import if source else None
        leave = Staged(import_id=imported.id, record=None)
        count = 0
        async for venues in self._venues.of_source(imported.source):
            gone = []
            for venue in venues:
                shown = venue.as_read(current)
                if venue.id in seen or shown is None or (shown.retired_at and venue.staged != leave):
                    continue
                count += 1
                if venue.staged != leave:
                    gone.append(_settled_if(venue, current).model_copy(update={"staged": leave}))
            await _all([self._venues.save(venue) for venue in gone])
        return count

    async def _flip(self, imported: Import) -> None:
        source = await self._venues.source(imported.source)
        if source is not None and source.current_import == imported.id:
            return
        now = self._clock.now()
        source = source or await self._venues.add_source(
            Source(id=imported.source, created_at=now, owner=imported.owner)
        )
        await self._venues.save_source(source.model_copy(update={"current_import": imported.id}))

    async def _settle(self, imported: Import, counts: ImportCounts) -> None:
        """Make staged parts the venues' own and publish them; then say that the source is complete."""
        while venues := await self._venues.staged_by(imported.id):
            await _all([self._settle_one(venue) for venue in venues])
        source = await self._venues.source(imported.source)
        if source is None or source.settled_import == imported.id:
            return
        told = SourceImported(
            data_source=imported.source,
            import_id=imported.id,
            venues=counts.imported,
            retired=counts.retired,
            rejected=counts.rejected,
        )
        await self._venues.save_source(source.model_copy(update={"settled_import": imported.id}), [told])

    async def _settle_one(self, venue: Venue) -> None:
        settled = venue.settled(self._clock.now())
        try:
            await self._venues.save(settled, [settled.snapshot()])
        except StaleVersion:
            # Somebody replaced this venue meanwhile; the next round reads it again.
            log.info("import.settling.raced", venue_id=venue.id)

    async def fail(self, imported: Import, error: Exception) -> Import:
        """Say that an import could not be ended; what it staged stays unseen."""
        return await self._end(
            imported, ImportState.FAILED, refusal=f"Internal error: {type(error).__name__}."
        )

    async def _end(
        self,
        imported: Import,
        state: ImportState,
        *,
        counts: ImportCounts | None = None,
        entries: int = 0,
        refusal: str | None = None,
    ) -> Import:
        return await self._imports.save(
            imported.model_copy(
                update={
                    "state": state,
                    "counts": counts or imported.counts,
                    "entries": entries,
                    "refusal": refusal,
                    "finished_at": self._clock.now(),
                }
            )
        )


class _Report:
    """Collects entries and stores them page by page."""

    def __init__(self, imported: Import, imports: ImportRepository) -> None:
        self._imported = imported
        self._imports = imports
        self._held: list[ReportEntry] = []
        self._pages = 0
        self.by_rule: Counter[str] = Counter()

    async def say(self, entries: list[ReportEntry]) -> None:
        self.by_rule.update(entry.rule.value for entry in entries)
        self._held += entries
        while len(self._held) >= ENTRIES_PER_PAGE:
            await self._store(self._held[:ENTRIES_PER_PAGE])
            del self._held[:ENTRIES_PER_PAGE]

    async def finish(self) -> int:
        """Store the rest; return how many entries there are in all."""
        count = self._pages * ENTRIES_PER_PAGE + len(self._held)
        if self._held:
            await self._store(self._held)
        return count

    async def _store(self, entries: list[ReportEntry]) -> None:
        page = ReportPage(
            id=f"{self._imported.id}:{self._pages}",
            created_at=self._imported.created_at,
            entries=tuple(entries),
        )
        await self._imports.put_page(page)
        self._pages += 1


async def _batches(file: Iterable[RowResult]) -> AsyncIterator[list[RowResult]]:
    """Rows by `BATCH_ROWS`, read a slice at a time so that the event loop goes on."""
    rows = iter(file)
    while batch := list(islice(rows, SLICE_ROWS)):
        while len(batch) < BATCH_ROWS and (piece := list(islice(rows, SLICE_ROWS))):
            await asyncio.sleep(0)
            batch += piece
        yield batch


async def _all(writes: Sequence[Awaitable[object]]) -> None:
    """Run writes side by side; the first error is raised once every one has ended, so that none goes on behind it."""
    for outcome in await asyncio.gather(*writes, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


def _id_of(imported: Import, row: RowResult) -> str:
    if row.record is None:
        raise ValueError("a rejected row has no venue")
    return venue_id(imported.source, row.record.id)


def _settled_if(venue: Venue, current: str | None) -> Venue:
    """A document ready for a new staged part: one that is current but not settled is settled in the same write."""
    if venue.staged is not None and venue.staged.import_id == current:
        return venue.settled(venue.recorded_at or venue.created_at)
    return venue
