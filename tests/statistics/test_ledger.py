"""Facts and cube, over the embedded store: whatever the order and the repeats, the same counts."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import given

from services.statistics.cases import counts_of_case
from services.statistics.cube import Cube
from services.statistics.ledger import Ledger
from services.statistics.model import Fact
from services.statistics.pseudonyms import Pseudonyms
from services.statistics.repository import FactRepository
from shared.events.cases import CaseErased
from shared.events.envelope import Event
from shared.events.referrals import ReferralCompleted
from shared.ids import RandomIds
from shared.store.sqlite import SqliteEngine
from tests.statistics.history import DECIDE, Story, an_event, assessed, deliveries, moved, referred, unhurried
from tests.support.clock import ManualClock

T = TypeVar("T")
PSEUDONYMS = Pseudonyms(bytes(32))


class Room:
    """A ledger with its store and cube; `again` is what a restart finds."""

    def __init__(self, engine: SqliteEngine) -> None:
        self.repository = FactRepository(engine.store("statistics"))
        self.cube = Cube()
        self.ledger = Ledger(self.repository, self.cube, PSEUDONYMS, RandomIds())

    async def take(self, events: Iterable[Event[Any]]) -> None:
        for event in events:
            await self.ledger.record(event, event.data.case_id, DECIDE[type(event.data)])
        await self.ledger.catch_up()

    async def rebuilt(self) -> Cube:
        cube = Cube()
        await Ledger(self.repository, cube, PSEUDONYMS, RandomIds()).rebuild()
        return cube


def in_a_room(use: Callable[[Room], Awaitable[T]]) -> T:
    """Run with a fresh store in a folder of its own."""

    async def run() -> T:
        with tempfile.TemporaryDirectory() as folder:
            engine = SqliteEngine(Path(folder) / "relais.db", ManualClock())
            try:
                return await use(Room(engine))
            finally:
                await engine.close()

    return asyncio.run(run())


def straight(stories: list[Story]) -> Cube:
    """Return the cube of a history, told once, aggregate after aggregate, without any store."""
    facts: dict[str, list[Fact]] = {}
    for story in stories:
        fact = None
        for event in story.events:
            fact = DECIDE[type(event.data)](fact, event, PSEUDONYMS.of(event.data.case_id))
        if fact is not None and fact.case is not None:
            facts.setdefault(fact.case, []).append(fact)
    cube = Cube()
    for case, of_case in facts.items():
        cube.place(case, counts_of_case(of_case))
    return cube


@given(deliveries())
@unhurried(max_examples=20)
def test_any_order_with_repeats_gives_the_same_cube_and_so_does_a_rebuild(
    history: tuple[list[Story], list[Event[Any]]],
) -> None:
    stories, brought = history

    async def use(room: Room) -> None:
        await room.take(brought)
        assert room.cube == straight(stories)
        assert await room.rebuilt() == room.cube

    in_a_room(use)


@given(deliveries())
@unhurried(max_examples=8)
def test_everything_taken_twice_and_at_once_changes_nothing(
    history: tuple[list[Story], list[Event[Any]]],
) -> None:
    stories, brought = history

    async def use(room: Room) -> None:
        await asyncio.gather(*(room.take(story.events) for story in stories))
        await room.take(brought)
        assert room.cube == straight(stories)

    in_a_room(use)


def test_a_repeat_is_told_from_news() -> None:
    async def use(room: Room) -> list[bool]:
        event = an_event("a", 1, assessed("case-1"))
        return [await room.ledger.record(event, "case-1", DECIDE[type(event.data)]) for _ in range(2)]

    assert in_a_room(use) == [True, False]


def erased(case_id: str) -> Event[Any]:
    """Return the event of an erasure."""
    return an_event(case_id, 2, CaseErased(owner="cpam93"))


CASE = [
    an_event("a", 1, assessed("case-1")),
    an_event("r", 1, referred("case-1")),
    an_event("r", 2, moved("case-1", ReferralCompleted)),
]


def test_an_erased_case_keeps_counting_but_nothing_leads_to_it() -> None:
    async def use(room: Room) -> None:
        await room.take(CASE)
        before = straight([Story("a", (CASE[0].data,), (CASE[0].time,)),
                           Story("r", (CASE[1].data, CASE[2].data), (CASE[1].time, CASE[2].time))])  # fmt: skip
        assert room.cube == before
        assert await room.ledger.unlink(erased("case-1")) == 2
        assert room.cube == before
        assert await room.rebuilt() == before
        stored = [fact async for fact in room.repository.all()]
        assert all(PSEUDONYMS.of("case-1") not in fact.model_dump_json() for fact in stored)
        marker = await room.repository.unlinked(PSEUDONYMS.of("case-1"))
        assert marker is not None
        assert marker.group is None

    in_a_room(use)


def test_erasing_twice_finds_nothing_the_second_time() -> None:
    async def use(room: Room) -> list[int]:
        await room.take(CASE)
        return [await room.ledger.unlink(erased("case-1")) for _ in range(2)]

    assert in_a_room(use) == [2, 0]


def test_an_erasure_that_stopped_halfway_is_finished_by_its_repeat() -> None:
    async def use(room: Room) -> None:
        await room.take(CASE)
        pseudonym = PSEUDONYMS.of("case-1")
        marker = await room.ledger._begin_unlinking(pseudonym, CASE[0].time)
        assert marker.group is not None
        await room.ledger._move("a", pseudonym, marker.group)  # and here the process ends
        assert await room.ledger.unlink(erased("case-1")) == 1
        groups = {fact.case async for fact in room.repository.all()}
        assert groups == {marker.group}
        assert len(await room.rebuilt()) == 1

    in_a_room(use)


def test_what_arrives_after_an_erasure_is_unlinked_too() -> None:
    async def use(room: Room) -> None:
        await room.take(CASE[:1])
        await room.ledger.unlink(erased("case-1"))
        await room.take(CASE[1:])
        pseudonym = PSEUDONYMS.of("case-1")
        facts = {fact.id: fact async for fact in room.repository.all()}
        assert pseudonym not in {fact.case for fact in facts.values()}
        assert facts["r"].last_event == 2
        assert await room.rebuilt() == room.cube

    in_a_room(use)


def test_a_pseudonym_depends_on_the_key_and_tells_nothing() -> None:
    assert PSEUDONYMS.of("case-1") == Pseudonyms(bytes(32)).of("case-1")
    others = {PSEUDONYMS.of("case-2"), Pseudonyms(bytes([1] * 32)).of("case-1"), "case-1"}
    assert PSEUDONYMS.of("case-1") not in others
