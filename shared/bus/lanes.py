"""Which offsets are done: the position up to which everything of a partition has been handled.

Records end in any order because keys run side by side; only the contiguous low-water position may be committed.
"""

from collections.abc import Iterable

from shared.bus.port import Partition, Record


class LowWater:
    """Tracks the records in flight of each partition."""

    def __init__(self) -> None:
        self._open: dict[Partition, dict[int, bool]] = {}
        self._position: dict[Partition, int] = {}
        self._committed: dict[Partition, int] = {}

    def began(self, record: Record) -> None:
        """Note a record; those of a partition must come by growing offset."""
        self._open.setdefault(record.partition, {})[record.offset] = False

    def ended(self, record: Record) -> None:
        """Note that a record's effects are stored (or that it is a stored dead letter)."""
        offsets = self._open[record.partition]
        offsets[record.offset] = True
        for offset, done in list(offsets.items()):
            if not done:
                break
            del offsets[offset]
            self._position[record.partition] = offset + 1

    def to_commit(self) -> dict[Partition, int]:
        """Return the positions that moved since `committed` was told."""
        return {
            partition: position
            for partition, position in self._position.items()
            if position > self._committed.get(partition, 0)
        }

    def committed(self, positions: dict[Partition, int]) -> None:
        """Note that these positions are durable."""
        self._committed.update(positions)

    def in_flight(self, partition: Partition | None = None) -> int:
        """Return how many records (of one partition, or of all) are not yet below the low water."""
        if partition is not None:
            return len(self._open.get(partition, ()))
        return sum(len(offsets) for offsets in self._open.values())

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Drop what is known of partitions that others now read."""
        for partition in partitions:
            for known in (self._open, self._position, self._committed):
                known.pop(partition, None)
