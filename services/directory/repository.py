"""Every question asked to the store about venues, imports, matches and loads."""

from collections.abc import AsyncIterator, Sequence

from services.directory.documents import (
    ENTRIES_PER_PAGE,
    Import,
    Match,
    ReferralLoad,
    ReportPage,
    Source,
    Venue,
)
from services.directory.model import ReportEntry
from shared.errors import NotFound
from shared.events.payload import Payload
from shared.security.caller import Caller
from shared.store.port import MAX_PAGE, Cursor, Page, Store

VENUES_PER_PAGE = 50
"""Venues read at a stretch while the event loop waits: about 5 ms."""


class VenueRepository:
    """Venues and their sources. Venues are a public record: every reader sees all of them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def source(self, name: str) -> Source | None:
        """The source, when anything was ever brought by it."""
        return await self._store.get(Source, name)

    async def add_source(self, source: Source) -> Source:
        """Store a new source."""
        return await self._store.add(source)

    async def save_source(self, source: Source, events: Sequence[Payload] = ()) -> Source:
        """Store a source; writing `current_import` is what makes an import visible."""
        return await self._store.save(source, events)

    async def get(self, venue_id: str) -> Venue:
        """The venue as readers must see it now.

        Raises:
            NotFound: unknown, or only staged.
        """
        stored = await self._store.get(Venue, venue_id)
        seen = await self._as_read([stored]) if stored else []
        if not seen:
            raise NotFound("venue", venue_id)
        return seen[0]

    async def get_many(self, venue_ids: Sequence[str]) -> list[Venue]:
        """The venues that exist among these ids (at most 200), in the order asked, as readers must see them."""
        return await self._as_read(await self._store.get_many(Venue, venue_ids))

    async def stored(self, venue_ids: Sequence[str]) -> dict[str, Venue]:
        """The documents themselves, staged parts and all, by id."""
        return {venue.id: venue for venue in await self._store.get_many(Venue, venue_ids)}

    async def add(self, venue: Venue, events: Sequence[Payload] = ()) -> Venue:
        """Store a new venue with what it publishes."""
        return await self._store.add(venue, events)

    async def save(self, venue: Venue, events: Sequence[Payload] = ()) -> Venue:
        """Store what changed with what it publishes."""
        return await self._store.save(venue, events)

    async def of_source(self, name: str) -> AsyncIterator[list[Venue]]:
        """Pages of a source's documents, oldest first."""
        after = None
        while True:
            page = await self._store.find(
                Venue, "by_source", {"source": name}, after=after, limit=VENUES_PER_PAGE
            )
            yield page.items
            if page.next is None:
                return
            after = page.next

    async def staged_by(self, import_id: str) -> list[Venue]:
        """Some documents that an import has staged and that are not settled yet; none: it is done."""
        page = await self._store.find(
            Venue, "by_staging", {"staged.import_id": import_id}, limit=VENUES_PER_PAGE
        )
        return page.items

    async def everything(self) -> AsyncIterator[Venue]:
        """Every venue as readers must see it."""
        current: dict[str, str | None] = {}
        async for venue in self._store.scan(Venue):
            if venue.source not in current:
                source = await self.source(venue.source)
                current[venue.source] = source.current_import if source else None
            if (seen := venue.as_read(current[venue.source])) is not None:
                yield seen

    async def _as_read(self, venues: Sequence[Venue]) -> list[Venue]:
        current: dict[str, str | None] = {}
        for name in {venue.source for venue in venues}:
            source = await self.source(name)
            current[name] = source.current_import if source else None
        return [seen for venue in venues if (seen := venue.as_read(current[venue.source])) is not None]


class ImportRepository:
    """Imports and their reports."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, import_id: str) -> Import | None:
        """The import, for the importer itself; what serves a caller uses `seen_by`."""
        return await self._store.get(Import, import_id)

    async def seen_by(self, import_id: str, caller: Caller) -> Import:
        """The import, when this caller may see it.

        Raises:
            NotFound: unknown, or outside of the caller's part of the tree.
        """
        found = await self.get(import_id)
        if found is None or not caller.sees(found.owner):
            raise NotFound("import", import_id)
        return found

    async def owned(self, caller: Caller, after: str | None, limit: int) -> Page[Import]:
        """The imports of the caller's part of the tree, newest first."""
        index, equals = caller.owned()
        return await self._store.find(Import, index, equals, after=after, limit=limit, newest_first=True)

    async def add(self, imported: Import) -> Import:
        """Store a new import."""
        return await self._store.add(imported)

    async def save(self, imported: Import) -> Import:
        """Store an import."""
        return await self._store.save(imported)

    async def put_page(self, page: ReportPage) -> None:
        """Store a page of a report, over the one that an interrupted run may have left."""
        held = await self._store.get(ReportPage, page.id)
        if held is None:
            await self._store.add(page)
        elif held.entries != page.entries:
            await self._store.save(
                page.model_copy(update={"version": held.version, "sequence": held.sequence})
            )

    async def entries(self, imported: Import, start: int, limit: int) -> list[ReportEntry]:
        """Entries of a report from a position on."""
        stop = min(start + limit, imported.entries)
        first = start // ENTRIES_PER_PAGE
        numbers = range(first, -(-stop // ENTRIES_PER_PAGE))
        pages = await self._store.get_many(ReportPage, [f"{imported.id}:{number}" for number in numbers])
        found = [entry for page in pages for entry in page.entries]
        return found[start - first * ENTRIES_PER_PAGE : stop - first * ENTRIES_PER_PAGE]


class MatchRepository:
    """Matches."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, match_id: str) -> Match | None:
        """The match, for a repeat of its own cause; what serves a caller uses `seen_by`."""
        return await self._store.get(Match, match_id)

    async def seen_by(self, match_id: str, caller: Caller) -> Match:
        """The match, when this caller may see it.

        Raises:
            NotFound: unknown, or outside of the caller's part of the tree.
        """
        found = await self.get(match_id)
        if found is None or not caller.sees(found.owner):
            raise NotFound("match", match_id)
        return found

    async def of_assessment(
        self, assessment_id: str, caller: Caller, after: str | None, limit: int
    ) -> Page[Match]:
        """The matches of an assessment that this caller may see, oldest first; a page may hold fewer than `limit`."""
        equals = {"assessment_id": assessment_id}
        page = await self._store.find(Match, "by_assessment", equals, after=after, limit=limit)
        return Page([match for match in page.items if caller.sees(match.owner)], page.next)

    async def owned(self, caller: Caller, after: str | None, limit: int) -> Page[Match]:
        """The matches of the caller's part of the tree, oldest first."""
        index, equals = caller.owned()
        return await self._store.find(Match, index, equals, after=after, limit=limit)

    async def add(self, match: Match, events: Sequence[Payload]) -> Match:
        """Store a new match with what it publishes."""
        return await self._store.add(match, events)

    async def forget_case(self, case_id: str) -> int:
        """Remove every match of a case; return how many."""
        count = 0
        while page := (await self._store.find(Match, "by_case", {"case_id": case_id}, limit=MAX_PAGE)).items:
            for match in page:
                await self._store.discard(Match, match.id)
            count += len(page)
        return count


class LoadRepository:
    """Which referrals are open, and where."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, referral_id: str) -> ReferralLoad | None:
        """What is known of a referral, or None when it was never heard of."""
        return await self._store.get(ReferralLoad, referral_id)

    async def put(self, load: ReferralLoad) -> None:
        """Store what was read at `load.version` (0: new)."""
        await (self._store.save(load) if load.version else self._store.add(load))

    async def open_ones(self) -> AsyncIterator[ReferralLoad]:
        """Every referral that is open."""
        after: Cursor | None = None
        while True:
            page = await self._store.find(
                ReferralLoad, "by_open", {"open": True}, after=after, limit=MAX_PAGE
            )
            for load in page.items:
                yield load
            if page.next is None:
                return
            after = page.next
