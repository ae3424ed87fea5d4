"""Kills between every pair of writes: nothing is lost, nothing is told twice under two ids, the order holds."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest

from services.notifications.lanes import LEASE
from services.notifications.model import DeliveryState
from shared.events.payload import Payload
from shared.store.port import Cursor, D, Page, Scalar, StoreUnavailable
from shared.store.sqlite import SqliteEngine, SqliteStore
from tests.notifications.receiver import Receiver
from tests.notifications.workbench import Bench, created, moved, partner, running_bench
from tests.support.clock import ManualClock

WRITES_OF_TWO_EVENTS = 8
"""Delivery, lane, attempt, lane: four for each event that is delivered at once."""


class DyingStore:
    """A store whose process dies at its n-th write: before it, or right after it was made durable."""

    def __init__(self, store: SqliteStore, writes: int, *, after: bool) -> None:
        self._store = store
        self._left = writes
        self._after = after
        self.dead = False
        self.writes = 0

    async def add(self, document: D, events: Sequence[Payload] = ()) -> D:
        self._before()
        try:
            return await self._store.add(document, events)
        finally:
            self._afterwards()

    async def save(self, document: D, events: Sequence[Payload] = ()) -> D:
        self._before()
        try:
            return await self._store.save(document, events)
        finally:
            self._afterwards()

    async def get(self, model: type[D], identifier: str) -> D | None:
        self._alive()
        return await self._store.get(model, identifier)

    async def find(
        self,
        model: type[D],
        index: str,
        equals: Mapping[str, Scalar] | None = None,
        *,
        at_least: Scalar | None = None,
        at_most: Scalar | None = None,
        after: Cursor | None = None,
        limit: int = 50,
        newest_first: bool = False,
    ) -> Page[D]:
        self._alive()
        return await self._store.find(
            model,
            index,
            equals,
            at_least=at_least,
            at_most=at_most,
            after=after,
            limit=limit,
            newest_first=newest_first,
        )

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def _alive(self) -> None:
        if self.dead:
            raise StoreUnavailable("the process was killed")

    def _before(self) -> None:
        self._alive()
        self._left -= 1
        if self._left <= 0 and not self._after:
            self.dead = True
            self._alive()

    def _afterwards(self) -> None:
        self.writes += 1
        if self._left <= 0 and self._after:
            self.dead = True
            self._alive()


async def hand_both(bench: Bench) -> None:
    """Hand two events of one referral, as a bus does that repeats what was not acknowledged."""
    await bench.hand(created(), sequence=1)
    await bench.hand(moved(), sequence=2)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("writes", range(1, WRITES_OF_TWO_EVENTS + 1))
@pytest.mark.parametrize("redelivered", [True, False])
async def test_killed_at_any_write(
    engine: SqliteEngine,
    clock: ManualClock,
    receiver: Receiver,
    *,
    writes: int,
    after: bool,
    redelivered: bool,
) -> None:
    async with running_bench(engine, clock, tasks=()) as setup:
        await setup.subscribe(partner("venue-1"), receiver.url())
    dying = DyingStore(engine.store("notifications"), writes, after=after)
    handled = True
    async with running_bench(engine, clock, store=dying) as bench:
        try:
            await hand_both(bench)
            await bench.quiet()
        except StoreUnavailable:
            handled = False
    assert dying.dead
    clock.advance(LEASE + timedelta(minutes=2))
    async with running_bench(engine, clock) as bench:
        if redelivered or not handled:
            await hand_both(bench)
        await bench.desk.sweeper.sweep()
        await bench.quiet()
        assert list(dict.fromkeys(receiver.ids())) == ["ref-1:1", "ref-1:2"]
        assert len(receiver.ids()) <= 3  # at most the one whose attempt was not recorded is sent again
        assert {delivery.state for delivery in await bench.deliveries()} == {DeliveryState.DELIVERED}
        assert all(lane.idle for lane in await bench.lanes())


async def test_a_delivered_webhook_costs_four_writes(
    engine: SqliteEngine, clock: ManualClock, receiver: Receiver
) -> None:
    counting = DyingStore(engine.store("notifications"), 1_000_000, after=True)
    async with running_bench(engine, clock, store=counting) as bench:
        await bench.subscribe(partner("venue-1"), receiver.url())
        before = counting.writes
        await bench.hand(created())
        await bench.quiet()
        assert receiver.ids() == ["ref-1:1"]
        assert counting.writes - before == 4


async def test_a_delivery_without_its_lane_is_found_by_the_sweeper(
    engine: SqliteEngine, clock: ManualClock, receiver: Receiver
) -> None:
    async with running_bench(engine, clock, tasks=()) as setup:
        await setup.subscribe(partner("venue-1"), receiver.url())
    dying = DyingStore(engine.store("notifications"), 2, after=False)
    async with running_bench(engine, clock, store=dying) as bench:
        with pytest.raises(StoreUnavailable):
            await bench.hand(created())
    async with running_bench(engine, clock) as bench:
        assert [lane.pending for lane in await bench.lanes()] == []
        await bench.desk.sweeper.sweep()
        assert receiver.ids() == []  # too young: its handler may still be at work
        clock.advance(timedelta(minutes=2))
        await bench.desk.sweeper.sweep()
        await bench.quiet()
        assert receiver.ids() == ["ref-1:1"]


async def test_a_zombie_that_wakes_up_after_its_lease_writes_nothing(
    engine: SqliteEngine, clock: ManualClock, receiver: Receiver
) -> None:
    gate = receiver.hold("/hook")
    async with running_bench(engine, clock) as zombie:
        await zombie.subscribe(partner("venue-1"), receiver.url())
        await zombie.hand(created(), sequence=1)
        await zombie.hand(moved(), sequence=2)
        await receiver.wait_for(1)
        clock.advance(LEASE)
        async with running_bench(engine, clock) as successor:
            await receiver.wait_for(2)
            lane_before = (await successor.lanes())[0]
            receiver.then("/hook", 500)  # the zombie's answer comes first, and is a failure
            gate.set()
            await zombie.dispatcher.idle()
            await successor.quiet()
            (lane,) = await successor.lanes()
            assert lane.fence == lane_before.fence
            assert lane.idle
        assert list(dict.fromkeys(receiver.ids())) == ["ref-1:1", "ref-1:2"]
        assert {delivery.state for delivery in await zombie.deliveries()} == {DeliveryState.DELIVERED}


async def test_a_late_push_of_what_was_delivered_sends_nothing_again(
    bench: Bench, receiver: Receiver
) -> None:
    gate = receiver.hold("/hook")
    made = await bench.subscribe(partner("venue-1"), receiver.url())
    await bench.hand(created())
    await receiver.wait_for(1)
    (read_too_early,) = await bench.deliveries()
    gate.set()
    await bench.quiet()
    await bench.desk.intake.push(read_too_early, made.subscription)
    await bench.quiet()
    assert receiver.ids() == ["ref-1:1"]
    assert all(lane.idle for lane in await bench.lanes())
