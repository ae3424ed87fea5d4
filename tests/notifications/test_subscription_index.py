"""The index of subscriptions: right after a restart, after a change made here, and soon after one made elsewhere."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from services.notifications.subscription_index import REFRESH_INTERVAL
from shared.store.port import D
from shared.store.sqlite import SqliteEngine, SqliteStore
from tests.notifications.receiver import Receiver
from tests.notifications.workbench import a_key, created, partner, prescriber, running_bench
from tests.support.clock import ManualClock

REFRESHING = ("dispatcher", "subscription refresh")


async def a_refresh(clock: ManualClock) -> None:
    """Let the time of a refresh pass, and the refresh with it."""
    clock.advance(REFRESH_INTERVAL)
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_subscription_is_known_after_a_restart(
    engine: SqliteEngine, clock: ManualClock, receiver: Receiver
) -> None:
    async with running_bench(engine, clock) as bench:
        await bench.subscribe(partner("venue-1"), receiver.url())
    async with running_bench(engine, clock) as bench:
        await bench.hand(created())
        await bench.quiet()
        assert receiver.ids() == ["ref-1:1"]


async def test_another_process_sees_a_new_and_a_removed_subscription_soon(
    engine: SqliteEngine, clock: ManualClock, receiver: Receiver
) -> None:
    async with running_bench(engine, clock) as here, running_bench(engine, clock, tasks=REFRESHING) as there:
        made = await here.subscribe(partner("venue-1"), receiver.url())
        await there.hand(created(), "ref-unknown")
        await a_refresh(clock)
        await there.hand(created(), "ref-known")
        await there.quiet()
        assert receiver.ids() == ["ref-known:1"]
        await here.desk.remove(partner("venue-1"), made.subscription.id)
        await a_refresh(clock)
        await there.hand(created(), "ref-late")
        await there.quiet()
        assert receiver.ids() == ["ref-known:1"]


async def test_a_rotation_elsewhere_is_used_soon(
    engine: SqliteEngine, clock: ManualClock, receiver: Receiver
) -> None:
    act = partner("venue-1")
    async with running_bench(engine, clock) as here, running_bench(engine, clock, tasks=REFRESHING) as there:
        made = await here.subscribe(act, receiver.url())
        await a_refresh(clock)
        rotated = await here.desk.rotate(act, a_key(), made.subscription.id)
        await a_refresh(clock)
        await there.hand(created())
        await there.quiet()
        assert rotated.secret
        assert receiver.at()[0].signed_by(rotated.secret)


class SlowlyRead:
    """A store whose scan can be stopped between what it read and what it hands over."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.reading, self.go_on = asyncio.Event(), asyncio.Event()
        self.go_on.set()

    async def scan(self, model: type[D]) -> AsyncIterator[D]:
        """Yield what was there when it was asked."""
        found = [document async for document in self._store.scan(model)]
        self.reading.set()
        await self.go_on.wait()
        for document in found:
            yield document

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


async def test_a_change_made_while_the_index_is_read_is_not_undone(
    engine: SqliteEngine, clock: ManualClock, receiver: Receiver
) -> None:
    store: Any = SlowlyRead(engine.store("notifications"))
    async with running_bench(engine, clock, store=store) as bench:
        index = bench.desk.index
        kept = await bench.subscribe(prescriber(), receiver.url("/kept"))
        removed = await bench.subscribe(partner("venue-1"), receiver.url("/removed"))
        store.reading.clear()
        store.go_on.clear()
        refreshing = asyncio.ensure_future(index.refresh())
        await store.reading.wait()
        added = await bench.subscribe(partner("venue-2", node="epn-93"), receiver.url("/added"))
        await bench.desk.sweeper.clear(removed.subscription)
        store.go_on.set()
        await refreshing
        assert index.get(kept.subscription.id) is not None
        assert index.get(added.subscription.id) is not None
        assert index.get(removed.subscription.id) is None


async def test_a_disabled_view_that_is_stale_parks_nothing_for_ever(
    engine: SqliteEngine, clock: ManualClock, receiver: Receiver
) -> None:
    act = partner("venue-1")
    receiver.then("/hook", 410)
    async with running_bench(engine, clock) as here, running_bench(engine, clock, tasks=REFRESHING) as there:
        made = await here.subscribe(act, receiver.url())
        await here.hand(created(), "ref-1")
        await here.quiet()
        await a_refresh(clock)
        await here.desk.enable(act, a_key(), made.subscription.id)
        await here.desk.sweeper.sweep()
        await there.hand(created(), "ref-2")  # it still believes the endpoint disabled
        await here.quiet()
        assert receiver.ids() == ["ref-1:1", "ref-1:1"]
        await here.desk.sweeper.sweep()
        await here.later(timedelta(seconds=1))
        assert receiver.ids() == ["ref-1:1", "ref-1:1", "ref-2:1"]
