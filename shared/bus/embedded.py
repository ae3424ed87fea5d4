"""The embedded engine of the bus port: readers of the log tables that the embedded store writes.

Each topic is one partition (number 0): one process has one reader of each group, so more would buy nothing. A second
member of a group waits until the first leaves, as a Kafka member without a partition does.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any, TypeVar

import apsw

from shared.bus.port import BusUnavailable, OnRevoke, Partition, Positions, Record
from shared.bus.topics import TOPICS, Topic
from shared.store.port import StoreUnavailable
from shared.store.sqlite import SqliteEngine, log_table

T = TypeVar("T")
_TRIM_ROWS = 500


class EmbeddedBus:
    """Reads the log of one `SqliteEngine`."""

    def __init__(self, engine: SqliteEngine) -> None:
        self._engine = engine
        self._members: dict[str, list[EmbeddedSubscription]] = {}
        self._readers: set[EmbeddedSubscription] = set()
        engine.on_published(self._wake)

    async def join(self, group: str, topics: Sequence[Topic], on_revoke: OnRevoke) -> "EmbeddedSubscription":
        """Become a member of a group; `on_revoke` is never called: nobody takes a partition from a living member."""
        del on_revoke
        member = EmbeddedSubscription(self, group, topics)
        self._members.setdefault(group, []).append(member)
        self._readers.add(member)
        return member

    async def follow(self, topic: Topic, start: Positions) -> "EmbeddedSubscription":
        """Read a topic on one's own from a position."""
        reader = EmbeddedSubscription(self, None, [topic], dict(start))
        self._readers.add(reader)
        return reader

    async def end_positions(self, topic: Topic) -> Positions:
        """Return the position after the newest record."""
        return {Partition(topic, 0): self.end(topic)}

    async def stored_positions(self, group: str, topics: Sequence[Topic]) -> Positions:
        """Return what a group has committed."""
        return {
            Partition(topic, 0): row[0]
            for topic in topics
            for row in self.read(
                "SELECT next FROM positions WHERE consumers = ? AND topic = ?", (group, topic)
            )
        }

    async def trim(self, now: datetime) -> int:
        """Forget, in small batches, the records that are past their retention and read by every group.

        A compacted topic forgets what a newer record of the same key has replaced. Returns how many went.
        """
        removed = 0
        for topic, settings in TOPICS.items():
            read = self._read_by_all(topic)
            if settings.compacted:
                removed += await self._compact(topic, read)
            else:
                removed += await self._forget(topic, read, (now - settings.retention).timestamp())
        return removed

    def end(self, topic: Topic) -> int:
        """Return the position after the newest record, even when it was forgotten since."""
        rows = self.read("SELECT seq FROM sqlite_sequence WHERE name = ?", (f"log__{topic}",))
        return rows[0][0] + 1 if rows else 1

    def lag(self, topic: Topic, position: int) -> int:
        """Return how many records lie from a position on (positions between kept ones may be forgotten)."""
        ((oldest, newest),) = self.read(_ENDS[topic])
        return 0 if newest is None else max(0, newest + 1 - max(position, oldest))

    def read(self, sql: str, values: Sequence[float | str] = ()) -> list[Any]:
        """Return the rows of a short query.

        Raises:
            BusUnavailable: closed, or the disk refused.
        """
        try:
            return self._engine.read(sql, values)
        except StoreUnavailable as error:
            raise BusUnavailable(str(error)) from error

    async def write(self, operation: Callable[[apsw.Connection], T]) -> T:
        """Run an operation in the engine's next transaction.

        Raises:
            BusUnavailable: closed, or the disk refused.
        """
        try:
            return await self._engine.write(operation)
        except StoreUnavailable as error:
            raise BusUnavailable(str(error)) from error

    def reads(self, member: "EmbeddedSubscription") -> bool:
        """Tell whether this member is the one of its group that reads."""
        if member.group is None:
            return True
        members = self._members.get(member.group, [])
        return members[:1] == [member]

    def leave(self, member: "EmbeddedSubscription") -> None:
        """Let the next member of the group take over."""
        self._readers.discard(member)
        if member.group is not None and member in self._members.get(member.group, ()):
            self._members[member.group].remove(member)
            self._wake(frozenset(TOPICS))

    def _read_by_all(self, topic: Topic) -> int:
        """Return the position that every group has passed; a living group that never committed has passed none."""
        positions = dict(self.read("SELECT consumers, next FROM positions WHERE topic = ?", (topic,)))
        for group, members in self._members.items():
            if any(topic in member.topics for member in members):
                positions.setdefault(group, 0)
        return min(positions.values(), default=0)

    async def _forget(self, topic: Topic, read: int, horizon: float) -> int:
        removed = 0
        while rows := self.read(_OLDEST[topic], (0, read, _TRIM_ROWS)):
            old = [position for position, _ in takewhile(lambda row: row[1] < horizon, rows)]
            if not old:
                break
            removed += await self.write(_deleting(_FORGET[topic], (old[-1],)))
        return removed

    async def _compact(self, topic: Topic, read: int) -> int:
        removed, passed = 0, 0
        while rows := self.read(_OLDEST[topic], (passed, read, _TRIM_ROWS)):
            last = rows[-1][0]
            removed += await self.write(_deleting(_COMPACT[topic], (passed, last)))
            passed = last
        return removed

    def _wake(self, topics: frozenset[Topic]) -> None:
        for reader in self._readers:
            reader.hear(topics)


class EmbeddedSubscription:
    """A reader of the log."""

    def __init__(
        self,
        bus: EmbeddedBus,
        group: str | None,
        topics: Sequence[Topic],
        start: dict[Partition, int] | None = None,
    ) -> None:
        self.group = group
        self.published = asyncio.Event()
        self._bus = bus
        self.topics = topics
        self._unread = set(topics)
        self._turn = 0
        self._next = start if start is not None else {}
        self._started = group is None

    def hear(self, topics: frozenset[Topic]) -> None:
        """Learn that there is something new in these topics; those that are not read here are passed over."""
        news = topics.intersection(self.topics)
        if news:
            self._unread |= news
            self.published.set()

    async def fetch(self, limit: int, wait: timedelta) -> list[Record]:
        """Return up to `limit` next records, waiting for the first."""
        deadline = asyncio.get_running_loop().time() + wait.total_seconds()
        while True:
            self.published.clear()
            records = await self._read(limit) if self._bus.reads(self) else []
            if records:
                return records
            try:
                async with asyncio.timeout_at(deadline):
                    await self.published.wait()
            except TimeoutError:
                self._unread = set(self.topics)  # should a wake-up ever be missed, a poll makes up for it
                return []

    async def commit(self, positions: Positions) -> None:
        """Store the group's positions durably."""
        if self.group is None or not self._bus.reads(self):
            return
        rows = [(self.group, partition.topic, position) for partition, position in positions.items()]

        def upsert(connection: apsw.Connection) -> None:
            for row in rows:
                connection.execute(_UPSERT, row)

        await self._bus.write(upsert)

    async def lag(self) -> Mapping[Partition, int]:
        """Return how many records lie beyond the last fetch (positions between may be forgotten ones)."""
        if not self._bus.reads(self):
            return {}
        await self._start()
        return {
            Partition(topic, 0): self._bus.lag(topic, self._next.get(Partition(topic, 0), 1))
            for topic in self.topics
        }

    async def close(self) -> None:
        """Leave the group."""
        self._bus.leave(self)

    async def _start(self) -> None:
        if not self._started and self.group is not None:
            self._next = dict(await self._bus.stored_positions(self.group, self.topics))
            self._started = True

    async def _read(self, limit: int) -> list[Record]:
        await self._start()
        records: list[Record] = []
        # Each fetch begins with another topic: a busy one must not starve the rest.
        self._turn = (self._turn + 1) % len(self.topics)
        for topic in (*self.topics[self._turn :], *self.topics[: self._turn]):
            if topic not in self._unread:
                continue
            partition = Partition(topic, 0)
            rows = self._bus.read(_READ[topic], (self._next.get(partition, 1), limit - len(records)))
            if rows:
                self._next[partition] = rows[-1][0] + 1
                records += [
                    Record(partition, position, key, body, datetime.fromtimestamp(at, UTC))
                    for position, key, body, at in rows
                ]
            if len(records) == limit:
                break
            self._unread.discard(topic)
        return records


_UPSERT = (
    "INSERT INTO positions (consumers, topic, next) VALUES (?, ?, ?) "
    "ON CONFLICT (consumers, topic) DO UPDATE SET next = excluded.next"
)
_READ = {
    topic: f"SELECT position, key, body, at FROM {log_table(topic)} WHERE position >= ? ORDER BY position LIMIT ?"
    for topic in TOPICS
}
_ENDS = {
    # Two subqueries: SQLite finds a minimum or a maximum at once, but not both in one pass.
    topic: f"SELECT (SELECT min(position) FROM {log_table(topic)}), (SELECT max(position) FROM {log_table(topic)})"
    for topic in TOPICS
}
_OLDEST = {
    topic: f"SELECT position, at FROM {log_table(topic)} WHERE position > ? AND position < ? ORDER BY position LIMIT ?"
    for topic in TOPICS
}
_FORGET = {topic: f"DELETE FROM {log_table(topic)} WHERE position <= ?" for topic in TOPICS}
_COMPACT = {
    topic: f"DELETE FROM {log_table(topic)} AS old WHERE position > ? AND position <= ? AND EXISTS "
    f"(SELECT 1 FROM {log_table(topic)} AS newer WHERE newer.key = old.key AND newer.position > old.position)"
    for topic, settings in TOPICS.items()
    if settings.compacted
}


def _deleting(statement: str, values: tuple[float, ...]) -> Callable[[apsw.Connection], int]:
    def delete(connection: apsw.Connection) -> int:
        connection.execute(statement, values)
        return connection.changes()

    return delete
