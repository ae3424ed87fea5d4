"""What every engine of the bus port promises. An engine's test class gives the hooks and inherits the behaviour."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from itertools import pairwise
from typing import Protocol

import pytest

from shared.bus.port import Bus, BusUnavailable, Partition, Record, Subscription
from shared.bus.topics import Topic
from shared.events.envelope import decode
from shared.store.port import Store
from tests.contract.samples import COMPACTED, NUMBERED, OTHER, Note, a_note, numbered, other, snapshot

NO_WAIT = timedelta(0)
LONG = timedelta(seconds=30)
PATIENCE_SECONDS = 20


class OpenedBus(Protocol):
    """One bus with the store that feeds it, on their storage."""

    bus: Bus

    def store(self, service: str) -> Store:
        """Return a service's handle on the store whose events this bus carries."""

    async def tombstone(self, topic: Topic, key: str) -> None:
        """Publish a record without a value."""


async def nobody_revokes(_partitions: Sequence[Partition]) -> None:
    """Do nothing: these tests rebalance only by leaving."""


async def take(reader: Subscription, count: int, limit: int = 100) -> list[Record]:
    """Return exactly the next `count` records."""
    records: list[Record] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(records) < count:
            records += await reader.fetch(min(limit, count - len(records)), timedelta(seconds=1))
    assert len(records) == count
    return records


def after(records: Sequence[Record]) -> dict[Partition, int]:
    """Return the positions that follow these records."""
    positions: dict[Partition, int] = {}
    for record in records:
        positions[record.partition] = record.offset + 1
    return positions


def numbers(records: Sequence[Record]) -> list[int]:
    """Return the numbers that records of `NUMBERED` carry."""
    return [decode(record.value or b"").data.attempts for record in records]  # type: ignore[attr-defined]


class BusContract:
    """Hook: `opened` runs the engine on this test's storage, the same storage each time it is called."""

    @abstractmethod
    def opened(self) -> AbstractAsyncContextManager[OpenedBus]:
        """Open the storage, and close it at the end."""

    @pytest.fixture
    async def running(self) -> AsyncIterator[OpenedBus]:
        async with self.opened() as running:
            yield running

    @pytest.fixture
    def bus(self, running: OpenedBus) -> Bus:
        return running.bus

    async def publish(self, running: OpenedBus, key: str, count: int, first: int = 1) -> None:
        """Publish numbered events of one document, one save each."""
        store = running.store("agenda")
        note = await store.get(Note, key) or await store.add(a_note(key))
        for number in range(first, first + count):
            note = await store.save(note, [numbered(number)])

    async def test_a_record_carries_its_event_under_the_id_of_its_document(self, running: OpenedBus) -> None:
        await self.publish(running, "n1", 1)
        (record,) = await take(await running.bus.join("readers", [NUMBERED], nobody_revokes), 1)
        assert (record.key, record.partition.topic) == ("n1", NUMBERED)
        event = decode(record.value or b"")
        assert (event.id, event.sequence) == ("n1:1", 1)
        assert record.time.utcoffset() == timedelta(0)

    async def test_records_of_one_key_come_in_order_and_offsets_grow(self, running: OpenedBus) -> None:
        keys = [f"n{index}" for index in range(8)]
        await asyncio.gather(*(self.publish(running, key, 10) for key in keys))
        records = await take(await running.bus.join("readers", [NUMBERED], nobody_revokes), 80)
        for key in keys:
            assert numbers([record for record in records if record.key == key]) == list(range(1, 11))
        for partition in {record.partition for record in records}:
            offsets = [record.offset for record in records if record.partition == partition]
            assert all(a < b for a, b in pairwise(offsets))

    async def test_one_key_stays_in_one_partition(self, running: OpenedBus) -> None:
        await asyncio.gather(*(self.publish(running, f"n{index}", 3) for index in range(12)))
        records = await take(await running.bus.join("readers", [NUMBERED], nobody_revokes), 36)
        assert len({(record.key, record.partition) for record in records}) == 12

    async def test_the_events_of_one_save_come_in_their_order(self, running: OpenedBus) -> None:
        await running.store("agenda").add(a_note(), [numbered(number) for number in range(1, 30)])
        records = await take(await running.bus.join("readers", [NUMBERED], nobody_revokes), 29)
        assert numbers(records) == list(range(1, 30))

    async def test_a_group_that_never_committed_starts_at_the_oldest(self, running: OpenedBus) -> None:
        await self.publish(running, "n1", 3)
        assert await running.bus.stored_positions("readers", [NUMBERED]) == {}
        reader = await running.bus.join("readers", [NUMBERED], nobody_revokes)
        assert numbers(await take(reader, 3)) == [1, 2, 3]

    async def test_a_fetch_gives_no_more_than_its_limit(self, running: OpenedBus) -> None:
        await self.publish(running, "n1", 5)
        reader = await running.bus.join("readers", [NUMBERED], nobody_revokes)
        taken: list[int] = []
        while len(taken) < 5:
            records = await reader.fetch(2, timedelta(seconds=1))
            assert len(records) <= 2
            taken += numbers(records)
        assert taken == [1, 2, 3, 4, 5]

    async def test_a_fetch_without_records_ends_empty(self, bus: Bus) -> None:
        reader = await bus.join("readers", [NUMBERED], nobody_revokes)
        assert await reader.fetch(10, NO_WAIT) == []

    async def test_a_fetch_that_waits_gets_what_is_published_meanwhile(self, running: OpenedBus) -> None:
        reader = await running.bus.join("readers", [NUMBERED], nobody_revokes)
        async with asyncio.timeout(PATIENCE_SECONDS):
            for number in range(1, 6):
                waiting = asyncio.create_task(reader.fetch(10, LONG))
                await asyncio.sleep(0)
                await self.publish(running, "n1", 1, number)
                assert numbers(await waiting) == [number]

    async def test_a_fetch_that_was_given_up_loses_nothing(self, running: OpenedBus) -> None:
        reader = await running.bus.join("readers", [NUMBERED], nobody_revokes)
        waiting = asyncio.create_task(reader.fetch(10, LONG))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await self.publish(running, "n1", 2)
        assert numbers(await take(reader, 2)) == [1, 2]

    async def test_several_topics_are_read_as_one_and_none_starves(self, running: OpenedBus) -> None:
        store = running.store("agenda")
        note = await store.add(a_note())
        for number in range(1, 11):
            note = await store.save(note, [numbered(number), other()])
        reader = await running.bus.join("readers", [NUMBERED, OTHER], nobody_revokes)
        first = await take(reader, 10, limit=5)
        assert {record.partition.topic for record in first} == {NUMBERED, OTHER}
        records = first + await take(reader, 10)
        assert numbers([r for r in records if r.partition.topic == NUMBERED]) == list(range(1, 11))

    async def test_a_group_resumes_where_it_committed(self) -> None:
        async with self.opened() as running:
            await self.publish(running, "n1", 5)
            reader = await running.bus.join("readers", [NUMBERED], nobody_revokes)
            records = await take(reader, 3)
            await reader.commit(after(records))
            assert await running.bus.stored_positions("readers", [NUMBERED]) == after(records)
            await reader.close()
        async with self.opened() as running:
            assert await running.bus.stored_positions("readers", [NUMBERED]) == after(records)
            reader = await running.bus.join("readers", [NUMBERED], nobody_revokes)
            assert numbers(await take(reader, 2)) == [4, 5]

    async def test_what_was_not_committed_comes_again(self, running: OpenedBus) -> None:
        await self.publish(running, "n1", 4)
        for _ in range(3):
            reader = await running.bus.join("readers", [NUMBERED], nobody_revokes)
            assert numbers(await take(reader, 4)) == [1, 2, 3, 4]
            await reader.close()

    async def test_committing_again_or_nothing_is_harmless(self, running: OpenedBus) -> None:
        await self.publish(running, "n1", 2)
        reader = await running.bus.join("readers", [NUMBERED], nobody_revokes)
        positions = after(await take(reader, 2))
        for _ in range(3):
            await reader.commit(positions)
            await reader.commit({})
        assert await running.bus.stored_positions("readers", [NUMBERED]) == positions

    async def test_two_groups_are_independent(self, running: OpenedBus) -> None:
        await self.publish(running, "n1", 3)
        left = await running.bus.join("left", [NUMBERED], nobody_revokes)
        right = await running.bus.join("right", [NUMBERED], nobody_revokes)
        records = await take(left, 3)
        await left.commit(after(records))
        assert numbers(await take(right, 3)) == [1, 2, 3]
        assert await running.bus.stored_positions("right", [NUMBERED]) == {}

    async def test_when_a_member_leaves_the_other_goes_on_from_its_commit(self, running: OpenedBus) -> None:
        await self.publish(running, "n1", 4)
        first = await running.bus.join("readers", [NUMBERED], nobody_revokes)
        records = await take(first, 4)
        second = await running.bus.join("readers", [NUMBERED], nobody_revokes)
        waiting = asyncio.create_task(second.fetch(10, LONG))
        await asyncio.sleep(0)
        await first.commit(after(records[:3]))
        await first.close()
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert numbers(await waiting) == [4]

    async def test_members_never_share_a_partition(self, running: OpenedBus) -> None:
        members = [await running.bus.join("readers", [NUMBERED], nobody_revokes) for _ in range(2)]
        await asyncio.gather(*(self.publish(running, f"n{index}", 5) for index in range(6)))
        taken: list[list[Record]] = [[], []]
        async with asyncio.timeout(PATIENCE_SECONDS):
            while sum(len(records) for records in taken) < 30:
                for number, member in enumerate(members):
                    taken[number] += await member.fetch(10, timedelta(milliseconds=10))
        partitions = [{record.partition for record in records} for records in taken]
        assert partitions[0] & partitions[1] == set()

    async def test_a_member_that_left_commits_nothing_more(self, running: OpenedBus) -> None:
        await self.publish(running, "n1", 2)
        gone = await running.bus.join("readers", [NUMBERED], nobody_revokes)
        records = await take(gone, 2)
        await gone.close()
        await gone.close()
        await gone.commit(after(records))
        assert await running.bus.stored_positions("readers", [NUMBERED]) == {}
        assert sum((await gone.lag()).values()) == 0

    async def test_lag_counts_what_lies_beyond_the_last_fetch(self, running: OpenedBus) -> None:
        reader = await running.bus.join("readers", [NUMBERED, OTHER], nobody_revokes)
        assert sum((await reader.lag()).values()) == 0
        await self.publish(running, "n1", 5)
        assert sum((await reader.lag()).values()) == 5
        await take(reader, 2)
        assert sum((await reader.lag()).values()) == 3
        await take(reader, 3)
        assert sum((await reader.lag()).values()) == 0

    async def test_following_reads_alone_from_given_positions(self, running: OpenedBus) -> None:
        await self.publish(running, "n1", 3)
        end = await running.bus.end_positions(NUMBERED)
        await self.publish(running, "n1", 2, first=4)
        assert numbers(await take(await running.bus.follow(NUMBERED, end), 2)) == [4, 5]
        reader = await running.bus.follow(NUMBERED, {})
        records = await take(reader, 5)
        assert numbers(records) == [1, 2, 3, 4, 5]
        await reader.commit(after(records))
        again = await running.bus.follow(NUMBERED, after(records[:1]))
        assert numbers(await take(again, 4)) == [2, 3, 4, 5]
        await reader.close()
        await again.close()

    async def test_the_end_of_a_topic_is_after_its_newest_record(self, running: OpenedBus) -> None:
        await self.publish(running, "n1", 3)
        records = await take(await running.bus.join("readers", [NUMBERED], nobody_revokes), 3)
        end = await running.bus.end_positions(NUMBERED)
        assert end[records[-1].partition] == records[-1].offset + 1

    async def test_nothing_waits_at_the_end_of_a_topic(self, running: OpenedBus) -> None:
        await self.publish(running, "n1", 3)
        reader = await running.bus.follow(NUMBERED, await running.bus.end_positions(NUMBERED))
        assert await reader.fetch(10, NO_WAIT) == []
        assert sum((await reader.lag()).values()) == 0

    async def test_a_tombstone_comes_without_a_value(self, running: OpenedBus) -> None:
        await running.store("agenda").add(a_note("v1"), [snapshot(1)])
        await running.tombstone(COMPACTED, "v1")
        records = await take(await running.bus.join("readers", [COMPACTED], nobody_revokes), 2)
        assert [record.key for record in records] == ["v1", "v1"]
        assert [record.value is None for record in records] == [False, True]

    async def test_once_closed_it_says_so(self) -> None:
        async with self.opened() as running:
            await self.publish(running, "n1", 1)
            bus = running.bus
            reader = await bus.join("readers", [NUMBERED], nobody_revokes)
            records = await take(reader, 1)
        with pytest.raises(BusUnavailable):
            await reader.fetch(1, NO_WAIT)
        with pytest.raises(BusUnavailable):
            await reader.commit(after(records))
        with pytest.raises(BusUnavailable):
            await bus.end_positions(NUMBERED)
