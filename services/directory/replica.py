"""Keeps this process's index equal to the stored venues: loaded once, then following `relais.venues`.

Start: note the end of the topic, load everything from the store, follow from there; the higher version wins, so what
is seen twice does nothing. When a source turns to a new import the whole source is reloaded in one step, so that no
match ever sees half of it. Not ready until loaded.
"""

import asyncio
from datetime import timedelta

import structlog

from services.directory.documents import Venue
from services.directory.matching.columns import VenueRow
from services.directory.matching.index import Removal, VenueIndex
from services.directory.metrics import INDEXED_VENUES
from services.directory.repository import LoadRepository, VenueRepository
from shared.bus.port import Bus, Positions, Record
from shared.bus.topics import Topic
from shared.errors import Unavailable
from shared.events.envelope import InvalidEvent, decode
from shared.events.venues import VenueSnapshot

log = structlog.get_logger()

WAIT = timedelta(seconds=1)
RETRY_SECONDS = 1.0
FETCHED = 500
SLICE = 200
"""Venues read from the store between two turns of the event loop."""


class IndexReplica:
    """One process's index and how it follows the others' writes."""

    def __init__(
        self, *, index: VenueIndex, venues: VenueRepository, loads: LoadRepository, bus: Bus
    ) -> None:
        self._index = index
        self._venues = venues
        self._loads = loads
        self._bus = bus
        self._start: Positions = {}
        self._current: dict[str, str | None] = {}
        self._loaded = False

    @property
    def loaded(self) -> bool:
        """Whether the index holds everything that was stored when the process started."""
        return self._loaded

    async def load(self) -> None:
        """Fill the index from the store."""
        self._start = await self._bus.end_positions(Topic.VENUES)
        rows: list[VenueRow] = []
        async for venue in self._venues.everything():
            await self._note_import(venue.source)
            rows += [row] if (row := venue.row()) is not None else []
            if len(rows) % SLICE == 0:
                await asyncio.sleep(0)
        self._index.apply(rows)
        async for load in self._loads.open_ones():
            self._index.change_load(load.venue_id, 1)
        self._loaded = True
        INDEXED_VENUES.set(len(self._index))
        log.info("index.loaded", venues=len(self._index), revision=self._index.revision)

    async def follow(self) -> None:
        """Apply what other writers publish, until cancelled."""
        subscription = await self._bus.follow(Topic.VENUES, self._start)
        try:
            while True:
                try:
                    for record in await subscription.fetch(FETCHED, WAIT):
                        await self._learn(record)
                except Unavailable as error:
                    log.warning("index.following.interrupted", error=type(error).__name__)
                    await asyncio.sleep(RETRY_SECONDS)
        finally:
            await subscription.close()

    async def catch_up(self) -> None:
        """Apply everything published so far, once; for a process that matches without following."""
        subscription = await self._bus.follow(Topic.VENUES, self._start)
        try:
            while records := await subscription.fetch(FETCHED, timedelta(0)):
                for record in records:
                    await self._learn(record)
        finally:
            await subscription.close()

    def put(self, venue: Venue) -> None:
        """Show a venue just saved in this process, without waiting to read it back."""
        row = venue.row()
        self._index.apply([row if row is not None else Removal(venue.id)])
        INDEXED_VENUES.set(len(self._index))

    async def reload_source(self, name: str) -> None:
        """Make the index hold exactly what the store holds of a source."""
        source = await self._venues.source(name)
        current = source.current_import if source else None
        rows: list[VenueRow] = []
        async for page in self._venues.of_source(name):
            shown = [seen for venue in page if (seen := venue.as_read(current)) is not None]
            rows += [row for venue in shown if (row := venue.row()) is not None]
            await asyncio.sleep(0)
        self._index.replace_source(name, rows)
        self._current[name] = current
        INDEXED_VENUES.set(len(self._index))

    async def _note_import(self, name: str) -> None:
        """Remember which import of a source the index holds."""
        if name not in self._current:
            source = await self._venues.source(name)
            self._current[name] = source.current_import if source else None

    async def _learn(self, record: Record) -> None:
        if record.value is None:
            return
        try:
            event = decode(record.value)
        except InvalidEvent as error:
            # The consumer group dead-letters it; a replica only keeps its own copy going.
            log.warning("index.record.unreadable", cause=str(error))
            return
        if not isinstance(event.data, VenueSnapshot):
            return
        held = self._index.version(event.aggregate_id)
        if held is not None and held >= event.data.version:
            return
        name = event.data.data_source
        source = await self._venues.source(name)
        current = source.current_import if source else None
        if self._current.get(name) != current:
            await self.reload_source(name)
            return
        for venue in await self._venues.get_many([event.aggregate_id]):
            self.put(venue)
