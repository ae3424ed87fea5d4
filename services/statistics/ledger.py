"""Writes facts, and brings the cube up to date with them.

A fact is stored at once; its case is counted again from all of its facts when a report is asked for, or when
`MOST_STALE` cases wait: a case's events come in bursts, and counting it for each would double their cost. A crash in
between is harmless: the cube is rebuilt from facts at each start.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import Any

from services.statistics.cases import counts_of_case
from services.statistics.cube import Cube
from services.statistics.model import Fact, UnlinkedCase, is_repeat
from services.statistics.pseudonyms import Pseudonyms
from services.statistics.repository import FactRepository
from shared.events.envelope import Event
from shared.ids import Ids
from shared.store.port import AlreadyExists
from shared.store.retry import deciding_again

MOST_STALE = 500

Decide = Callable[[Fact | None, Event[Any], str | None], Fact]


class Ledger:
    """The only writer of facts and of the cube."""

    def __init__(self, repository: FactRepository, cube: Cube, pseudonyms: Pseudonyms, ids: Ids) -> None:
        self._repository, self._cube, self._pseudonyms, self._ids = repository, cube, pseudonyms, ids
        self._counting = asyncio.Lock()
        self._catching_up = asyncio.Lock()
        self._stale: dict[str, None] = {}

    async def rebuild(self) -> int:
        """Count every case from its facts; return how many there are. Called before anything else."""
        by_case: dict[str, list[Fact]] = defaultdict(list)
        async for fact in self._repository.all():
            if fact.case is not None:
                by_case[fact.case].append(fact)
        for case, facts in by_case.items():
            self._cube.place(case, counts_of_case(facts))
        return len(self._cube)

    async def record(self, event: Event[Any], case_id: str | None, decide: Decide) -> bool:
        """Let an event change its aggregate's fact; return False when it was a repeat.

        Raises:
            CreationMissing: a transition of a referral that is not known.
        """
        case = self._pseudonyms.of(case_id) if case_id is not None else None

        async def attempt() -> tuple[Fact, bool]:
            before = await self._repository.get(event.aggregate_id)
            if before is not None and is_repeat(before, event):
                return before, False
            return await self._repository.put(decide(before, event, case)), True

        fact, is_news = await deciding_again(attempt)
        # Read after the fact is written, and written before facts are read: one of the two sees the other.
        if case is not None and await self._repository.unlinked(case) is not None:
            await self._unlink(case, event.time)
        if fact.case is not None:
            self._stale[fact.case] = None
        if len(self._stale) >= MOST_STALE:
            await self.catch_up()
        return is_news

    async def catch_up(self) -> None:
        """Count every case again whose facts changed since it was counted."""
        async with self._catching_up:  # whoever comes meanwhile waits until the last of them is counted
            while self._stale:
                await self._count(self._stale.popitem()[0])
                await asyncio.sleep(0)  # a long list must not hold up the others

    async def unlink(self, event: Event[Any]) -> int:
        """Drop the pseudonym of an erased case from its facts; return how many there were. They still count."""
        return await self._unlink(self._pseudonyms.of(event.aggregate_id), event.time)

    async def _unlink(self, pseudonym: str, at: datetime) -> int:
        marker = await self._begin_unlinking(pseudonym, at)
        if marker.group is None:
            return 0
        facts = await self._repository.of_case(pseudonym)
        for fact in facts:
            await self._move(fact.id, pseudonym, marker.group)
        await self._count(pseudonym)
        await self._count(marker.group)
        await self._repository.put_unlinked(marker.model_copy(update={"group": None}))
        return len(facts)

    async def _begin_unlinking(self, pseudonym: str, at: datetime) -> UnlinkedCase:
        """Return the marker with a group to move facts to; without one when there is none to move."""
        marker = await self._repository.unlinked(pseudonym)
        if marker is None:
            group = self._ids.new()
            try:
                return await self._repository.put_unlinked(
                    UnlinkedCase(id=pseudonym, created_at=at, group=group)
                )
            except AlreadyExists:
                return await self._begin_unlinking(pseudonym, at)
        if marker.group is None and await self._repository.of_case(pseudonym):
            return await self._repository.put_unlinked(marker.model_copy(update={"group": self._ids.new()}))
        return marker

    async def _move(self, fact_id: str, pseudonym: str, group: str) -> None:
        async def attempt() -> None:
            fact = await self._repository.get(fact_id)
            if fact is not None and fact.case == pseudonym:
                await self._repository.put(fact.model_copy(update={"case": group}))

        await deciding_again(attempt)

    async def _count(self, case: str) -> None:
        # One at a time: a count that was read earlier must not replace one that was read later.
        async with self._counting:
            self._cube.place(case, counts_of_case(await self._repository.of_case(case)))
