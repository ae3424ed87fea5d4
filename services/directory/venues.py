"""Venues made and changed one by one, and lists of them."""

from services.directory.bodies import VenueOut, VenueQuery
from services.directory.documents import MADE_BY_HAND, Source, Venue
from services.directory.errors import SourceOfAnother, SourceReserved, VenueAlreadyKnown, VenueRetired
from services.directory.matches import Matches
from services.directory.matching.index import VenueIndex
from services.directory.matching.model import Point
from services.directory.model import VenueRecord, venue_id
from services.directory.replica import IndexReplica
from services.directory.repository import VenueRepository
from services.directory.search import HitPage, VenueFilter, find_venues
from shared.clock import Clock
from shared.errors import NotFound
from shared.http.paging import ListOf
from shared.idempotency import RequestKey
from shared.security.caller import Act, Caller, covers
from shared.store.port import AlreadyExists
from shared.store.retry import deciding_again

DEFAULT_RADIUS_KM = 10.0


class Venues:
    """What the venue routes call."""

    def __init__(
        self,
        *,
        index: VenueIndex,
        replica: IndexReplica,
        venues: VenueRepository,
        matches: Matches,
        clock: Clock,
    ) -> None:
        self._index = index
        self._replica = replica
        self._venues = venues
        self._matches = matches
        self._clock = clock

    async def create(self, record: VenueRecord, act: Act, key: RequestKey) -> VenueOut:
        """Add a venue to those that the caller's institution keeps by hand.

        Raises:
            VenueAlreadyKnown: another request made one with the same local id.
        """
        source = f"{MADE_BY_HAND}{act.caller.institution}"
        now = self._clock.now()
        made = Venue(
            id=venue_id(source, record.id),
            created_at=now,
            source=source,
            owner=act.owner,
            record=record,
            recorded_at=now,
            fingerprint=key.fingerprint,
        )
        try:
            stored = await self._venues.add(made, [made.snapshot()])
        except AlreadyExists:
            standing = await self._venues.get(made.id)
            if standing.fingerprint != key.fingerprint:
                raise VenueAlreadyKnown(made.id) from None
            return VenueOut.of(standing)
        self._replica.put(stored)
        return VenueOut.of(stored)

    async def read(self, identifier: str) -> VenueOut:
        """A venue, retired or not.

        Raises:
            NotFound: unknown.
        """
        return VenueOut.of(await self._venues.get(identifier))

    async def page(self, query: VenueQuery) -> ListOf[VenueOut]:
        """A page of the venues that are not retired.

        Raises:
            UnknownMunicipality, InvalidCursor.
        """
        page = find_venues(self._index, self._filter(query), after=query.after, limit=query.limit)
        return ListOf(items=await self._shown(page), next=page.next)

    async def replace(self, identifier: str, record: VenueRecord, caller: Caller) -> VenueOut:
        """Replace the record of a venue. The next import of its source may replace it again.

        Raises:
            NotFound, SourceOfAnother, VenueRetired.
        """

        async def decide() -> Venue:
            venue = await self._changeable(identifier, caller)
            if venue.record == record:
                return venue
            changed = venue.model_copy(
                update={"record": record, "recorded_at": self._clock.now(), "corrections": ()}
            )
            return await self._venues.save(changed, [changed.snapshot()])

        return self._show(await deciding_again(decide))

    async def retire(self, identifier: str, caller: Caller) -> None:
        """Retire a venue: it is proposed no more, its record stays readable. A repeat changes nothing.

        Raises:
            NotFound, SourceOfAnother.
        """

        async def decide() -> Venue:
            venue = await self._owned(identifier, caller)
            if venue.retired_at is not None:
                return venue
            gone = venue.model_copy(update={"retired_at": self._clock.now()})
            return await self._venues.save(gone, [gone.snapshot()])

        self._show(await deciding_again(decide))

    async def _changeable(self, identifier: str, caller: Caller) -> Venue:
        venue = await self._owned(identifier, caller)
        if venue.retired_at is not None:
            raise VenueRetired(identifier)
        return venue

    async def _owned(self, identifier: str, caller: Caller) -> Venue:
        """The stored document with its current staged part settled, so that saving it also ends that import's part."""
        stored = (await self._venues.stored([identifier])).get(identifier)
        source = await self._venues.source(stored.source) if stored else None
        if stored is None or stored.as_read(source.current_import if source else None) is None:
            raise NotFound("venue", identifier)
        if not may_change(caller, stored):
            raise SourceOfAnother(stored.source)
        if source is not None and stored.staged and stored.staged.import_id == source.current_import:
            return stored.settled(self._clock.now())
        return stored

    def _show(self, venue: Venue) -> VenueOut:
        self._replica.put(venue)
        return VenueOut.of(venue)

    def _filter(self, query: VenueQuery) -> VenueFilter:
        near, commune = None, query.commune
        if query.latitude is not None and query.longitude is not None:
            near = Point(latitude=query.latitude, longitude=query.longitude)
        elif query.commune is not None and query.radius_km is not None:
            near, commune = self._matches.centre(query.commune), None
        return VenueFilter(
            commune=commune,
            departement=query.departement,
            source=query.source,
            near=near,
            radius_km=query.radius_km or DEFAULT_RADIUS_KM,
            service=query.service,
            need=query.need,
        )

    async def _shown(self, page: HitPage) -> list[VenueOut]:
        distances = {hit.venue_id: hit.distance_m for hit in page.hits}
        found = await self._venues.get_many(list(distances))
        return [VenueOut.of(venue, distances[venue.id]) for venue in found]


def may_change(caller: Caller, owned: Venue | Source) -> bool:
    """Whether a client may change a venue or bring a source: its own part of the tree does, above or below."""
    return caller.sees(owned.owner) or covers(owned.owner.node, caller.node)


def check_source(name: str, source: Source | None, caller: Caller) -> None:
    """Make sure that a caller may bring a source.

    Raises:
        SourceReserved: a name of venues made by hand.
        SourceOfAnother: another part of the tree brings it.
    """
    if name.startswith(MADE_BY_HAND):
        raise SourceReserved(name)
    if source is not None and not may_change(caller, source):
        raise SourceOfAnother(name)
