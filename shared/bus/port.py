"""The bus port: carries facts between services, at least once, in order per key.

Words. A *record* is one message at an *offset* of a *partition* of a topic. A *group* is one service's consumers:
each partition is read by one member at a time. A *position* is the offset of the next record to read.

Promises of every engine (`tests/contract/bus.py` holds them to it):
- Order: records with one key come in the order they were published; nothing is promised across keys. Offsets
  grow, but not by one: never compute with them.
- Delivery: a record comes again when its position was not committed, so every effect is repeatable.
- Positions belong to the runtime, committed after the effects are stored; handlers never touch them. A group
  that never committed starts at the oldest record.
- Rebalance: before a partition goes to another member, `on_revoke` is awaited, so that work in flight can end and
  be committed. A second member of a group that has nothing to share waits, and takes over when the first leaves.
- Services never publish: the store's writes carry the events.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from shared.bus.topics import Topic
from shared.errors import Unavailable


class Partition(NamedTuple):
    """One ordered lane of a topic."""

    topic: Topic
    number: int


Positions = Mapping[Partition, int]


@dataclass(frozen=True, slots=True)
class Record:
    """One message. `value` is None for a tombstone: the key's last snapshot may be forgotten."""

    partition: Partition
    offset: int
    key: str
    value: bytes | None
    time: datetime


OnRevoke = Callable[[Sequence[Partition]], Awaitable[None]]


class BusUnavailable(Unavailable):
    """The broker does not answer; nothing is lost, the same call may pass later."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The bus can't answer now: {why}.")


class Subscription(Protocol):
    """A reader. One task at a time calls it."""

    async def fetch(self, limit: int, wait: timedelta) -> list[Record]:
        """Return up to `limit` next records; after `wait` without any, an empty list.

        Raises:
            BusUnavailable: ask again; reading goes on where it was.
        """

    async def commit(self, positions: Positions) -> None:
        """Store the group's positions durably. Positions of partitions since revoked are ignored.

        Raises:
            BusUnavailable: not stored; the records will come again.
        """

    async def lag(self) -> Mapping[Partition, int]:
        """Return, for each partition this member reads, how many records lie beyond its last fetch."""

    async def close(self) -> None:
        """Leave the group; what was not committed goes to the next member."""


class Bus(Protocol):
    """Where services read each other's facts."""

    async def join(self, group: str, topics: Sequence[Topic], on_revoke: OnRevoke) -> Subscription:
        """Become a member of a group that reads these topics from the group's stored positions."""

    async def follow(self, topic: Topic, start: Positions) -> Subscription:
        """Read a topic on one's own from given positions (missing ones: the oldest record); `commit` does nothing."""

    async def end_positions(self, topic: Topic) -> Positions:
        """Return the position after the newest record of each partition."""

    async def stored_positions(self, group: str, topics: Sequence[Topic]) -> Positions:
        """Return what a group has committed; partitions it never committed are absent."""
