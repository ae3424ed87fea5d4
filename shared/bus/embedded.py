"""The embedded engine of the bus port: readers of the log tables that the embedded store writes.

Each topic is one partition (number 0): one process has one reader of each group, so more would buy nothing. A second
member of a group waits until the first leaves, as a Kafka member without a partition does.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import apsw

from shared.bus.port import OnRevoke, Partition, Positions, Record
from shared.bus.topics import TOPICS, Topic
from shared.store.sqlite import SqliteEngine, log_table

_TRIM_ROWS = 500


class EmbeddedBus:
    """Reads the log of one `SqliteEngine`."""

    def __init__(self, engine: SqliteEngine) -> None:
        self._engine = engine
        self._members: dict[str, list[EmbeddedSubscription]] = {}
        self._wakers: set[asyncio.Event] = set()
        engine.on_published(self._wake)

    async def join(self, group: str, topics: Sequence[Topic], on_revoke: OnRevoke) -> "EmbeddedSubscription":
        """Become a member of a group; `on_revoke` is never called: nobody takes a partition from a living member."""
        del on_revoke
        member = EmbeddedSubscription(self._engine, self, group, topics)
        self._members.setdefault(group, []).append(member)
        self._wakers.add(member.published)
        return member

    async def follow(self, topic: Topic, start: Positions) -> "EmbeddedSubscription":
        """Read a topic on one's own from a position."""
        reader = EmbeddedSubscription(self._engine, self, None, [topic], dict(start))
        self._wakers.add(reader.published)
        return reader

    async def end_positions(self, topic: Topic) -> Positions:
        """Return the position after the newest record."""
        return {Partition(topic, 0): self.end(topic)}

    async def stored_positions(self, group: str, topics: Sequence[Topic]) -> Positions:
        """Return what a group has committed."""
        return {
            Partition(topic, 0): row[0]
            for topic in topics
            for row in self._engine.read(
                "SELECT next FROM positions WHERE consumers = ? AND topic = ?", (group, topic)
            )
        }

    async def trim(self, now: datetime) -> int:
        """Forget, in small batches, the records that are past their retention and read by every group.

        A compacted topic forgets what a newer record of the same key has replaced. Returns how many went.
        """
        removed = 0
        for topic, settings in TOPICS.items():
            read = min(self._group_positions(topic), default=0)
            if settings.compacted:
                condition = _COMPACTED.format(table=log_table(topic))
                values: tuple[float, ...] = (read,)
            else:
                condition, values = "position < ? AND at < ?", (read, (now - settings.retention).timestamp())
            statement = (
                f"DELETE FROM {log_table(topic)} WHERE position IN "
                f"(SELECT position FROM {log_table(topic)} AS old WHERE {condition} LIMIT {_TRIM_ROWS})"
            )
            while count := await self._engine.write(_deleting(statement, values)):
                removed += count
        return removed

    def end(self, topic: Topic) -> int:
        """Return the position after the newest record."""
        query = f"SELECT max(position) FROM {log_table(topic)}"
        ((newest,),) = self._engine.read(query)
        return (newest or 0) + 1

    def reads(self, member: "EmbeddedSubscription") -> bool:
        """Tell whether this member is the one of its group that reads."""
        return member.group is None or self._members[member.group][0] is member

    def leave(self, member: "EmbeddedSubscription") -> None:
        """Let the next member of the group take over."""
        self._wakers.discard(member.published)
        if member.group is not None and member in self._members.get(member.group, ()):
            self._members[member.group].remove(member)
            self._wake()

    def _group_positions(self, topic: Topic) -> list[int]:
        return [row[0] for row in self._engine.read("SELECT next FROM positions WHERE topic = ?", (topic,))]

    def _wake(self) -> None:
        for waker in self._wakers:
            waker.set()


_COMPACTED = "position < ? AND EXISTS (SELECT 1 FROM {table} AS newer WHERE newer.key = old.key AND newer.position > old.position)"


class EmbeddedSubscription:
    """A reader of the log."""

    def __init__(
        self,
        engine: SqliteEngine,
        bus: EmbeddedBus,
        group: str | None,
        topics: Sequence[Topic],
        start: dict[Partition, int] | None = None,
    ) -> None:
        self.group = group
        self.published = asyncio.Event()
        self._engine = engine
        self._bus = bus
        self._topics = topics
        self._next = start if start is not None else {}
        self._started = group is None

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
                return []

    async def commit(self, positions: Positions) -> None:
        """Store the group's positions durably."""
        if self.group is None or not self._bus.reads(self):
            return
        rows = [(self.group, partition.topic, position) for partition, position in positions.items()]

        def upsert(connection: apsw.Connection) -> None:
            for row in rows:
                connection.execute(_UPSERT, row)

        await self._engine.write(upsert)

    async def lag(self) -> Mapping[Partition, int]:
        """Return how many records lie beyond the last fetch (positions between may be forgotten ones)."""
        if not self._bus.reads(self):
            return {}
        await self._start()
        return {
            Partition(topic, 0): max(0, self._bus.end(topic) - self._next.get(Partition(topic, 0), 1))
            for topic in self._topics
        }

    async def close(self) -> None:
        """Leave the group."""
        self._bus.leave(self)

    async def _start(self) -> None:
        if not self._started and self.group is not None:
            self._next = dict(await self._bus.stored_positions(self.group, self._topics))
            self._started = True

    async def _read(self, limit: int) -> list[Record]:
        await self._start()
        records: list[Record] = []
        for topic in self._topics:
            partition = Partition(topic, 0)
            rows = self._engine.read(_READ[topic], (self._next.get(partition, 1), limit - len(records)))
            if rows:
                self._next[partition] = rows[-1][0] + 1
                records += [
                    Record(partition, position, key, body, datetime.fromtimestamp(at, UTC))
                    for position, key, body, at in rows
                ]
            if len(records) == limit:
                break
        return records


_UPSERT = (
    "INSERT INTO positions (consumers, topic, next) VALUES (?, ?, ?) "
    "ON CONFLICT (consumers, topic) DO UPDATE SET next = excluded.next"
)
_READ = {
    topic: f"SELECT position, key, body, at FROM {log_table(topic)} WHERE position >= ? ORDER BY position LIMIT ?"
    for topic in TOPICS
}


def _deleting(statement: str, values: tuple[float, ...]) -> Callable[[apsw.Connection], int]:
    def delete(connection: apsw.Connection) -> int:
        connection.execute(statement, values)
        return connection.changes()

    return delete
