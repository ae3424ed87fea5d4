"""A consumer that waits for records ends as soon as it is asked to."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from shared.bus.consumer import Consumer
from shared.bus.port import OnRevoke, Partition, Positions, Record, Subscription
from shared.bus.topics import Topic
from shared.events.cases import CaseErased
from shared.events.envelope import Event
from shared.store.sqlite import SqliteEngine
from tests.support.clock import ManualClock


class SilentSubscription:
    """A reader of a topic on which nothing is ever said: its fetch waits for good."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.closed = False

    async def fetch(self, limit: int, wait: timedelta) -> list[Record]:
        self.asked.set()
        await asyncio.Event().wait()
        return []

    async def commit(self, positions: Positions) -> None:
        raise AssertionError("nothing was read")

    async def lag(self) -> Mapping[Partition, int]:
        return {}

    async def close(self) -> None:
        self.closed = True


class SilentBus:
    """Gives one silent subscription."""

    def __init__(self) -> None:
        self.subscription = SilentSubscription()

    async def join(self, group: str, topics: Sequence[Topic], on_revoke: OnRevoke) -> Subscription:
        return self.subscription

    async def follow(self, topic: Topic, start: Positions) -> Subscription:
        return self.subscription

    async def end_positions(self, topic: Topic) -> Positions:
        return {}

    async def stored_positions(self, group: str, topics: Sequence[Topic]) -> Positions:
        return {}


async def ignore(event: Event[CaseErased]) -> None:
    raise AssertionError("nothing was said")


async def test_a_stop_ends_the_wait_for_records(tmp_path: Path) -> None:
    engine, bus = SqliteEngine(tmp_path / "relais.db", ManualClock()), SilentBus()
    consumer = Consumer(
        "relais.test",
        {CaseErased: ignore},
        bus=bus,
        store=engine.store("test"),
        clock=ManualClock(),
        rng=random.Random(1),
    )
    running = asyncio.create_task(consumer.run())
    await bus.subscription.asked.wait()
    consumer.stop()
    async with asyncio.timeout(5):
        await running
    assert bus.subscription.closed
    await engine.close()
