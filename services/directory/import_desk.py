"""What the import routes call: begin an import, read how it stands."""

from services.directory.bodies import ImportOut, ReportQuery
from services.directory.documents import Import
from services.directory.import_queue import ImportQueue
from services.directory.repository import ImportRepository, VenueRepository
from services.directory.venues import check_source
from shared.clock import Clock
from shared.http.paging import ListOf, PageQuery
from shared.idempotency import IdempotencyKeyReused, RequestKey
from shared.security.caller import Act, Caller
from shared.store.port import AlreadyExists


class ImportDesk:
    """Imports as their callers see them."""

    def __init__(
        self, *, queue: ImportQueue, imports: ImportRepository, venues: VenueRepository, clock: Clock
    ) -> None:
        self._queue = queue
        self._imports = imports
        self._venues = venues
        self._clock = clock

    async def begin(self, source: str, content: bytes, act: Act, key: RequestKey) -> ImportOut:
        """Queue a file; a repeat of the same request gives the import that it began.

        Raises:
            SourceReserved, SourceOfAnother, ImportsBusy, IdempotencyKeyReused.
        """
        check_source(source, await self._venues.source(source), act.caller)
        import_id, fingerprint = key.creation_id(act.caller), f"{source}:{key.fingerprint}"
        if (standing := await self._imports.get(import_id)) is not None:
            return _same(standing, fingerprint)
        self._queue.refuse_when_busy()
        begun = Import(
            id=import_id,
            created_at=self._clock.now(),
            source=source,
            owner=act.owner,
            fingerprint=fingerprint,
        )
        # The file first: an import whose file is there is taken up again after a crash.
        await self._queue.keep_file(import_id, content)
        try:
            stored = await self._imports.add(begun)
        except AlreadyExists:
            standing = await self._imports.get(import_id)
            return _same(standing or begun, fingerprint)
        self._queue.submit(import_id)
        return ImportOut.of(stored, [], None)

    async def read(self, import_id: str, caller: Caller, query: ReportQuery) -> ImportOut:
        """An import with a page of its report.

        Raises:
            NotFound: unknown, or outside of the caller's part of the tree.
        """
        found = await self._imports.seen_by(import_id, caller)
        rows = await self._imports.entries(found, query.after, query.limit)
        end = query.after + len(rows)
        return ImportOut.of(found, rows, str(end) if rows and end < found.entries else None)

    async def page(self, caller: Caller, query: PageQuery) -> ListOf[ImportOut]:
        """Imports of the caller's part of the tree, newest first, without their reports."""
        page = await self._imports.owned(caller, query.after, query.limit)
        return ListOf(items=[ImportOut.of(one, [], None) for one in page.items], next=page.next)


def _same(standing: Import, fingerprint: str) -> ImportOut:
    if standing.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    return ImportOut.of(standing, [], None)
