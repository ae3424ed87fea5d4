"""The venues of the country as sorted columns: 50,000 take about 6 MB, and one is replaced in well under a millisecond.

Rows stand in order of latitude (those whose position nobody knows come last, as NaN), so that "within 20 km" is one
slice, then a box, then a distance. Order inside the index never shows in an answer: ties are broken by venue id.

The revision is a digest of every (id, version) present: two replicas that hold the same venues state the same revision,
whatever the order in which they learned of them. So is the load revision, of every (id, open referrals).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.directory.matching.columns import VenueRow

Column = NDArray[Any]

REVISION_BITS = 48
"""Short enough to be exact in JSON, where numbers over 2^53 are not."""

_COLUMNS: dict[str, str] = {
    "venue_id": "S36",
    "high": "u8",
    "low": "u8",
    "version": "i8",
    "latitude": "f8",
    "longitude": "f8",
    "x": "f8",
    "y": "f8",
    "z": "f8",
    "tie": "i8",
    "offer": "i4",
    "marks": "i4",
    "modalities": "i4",
    "itinerance": "i4",
    "publics": "i4",
    "cost": "i4",
    "access": "i4",
    "care": "i4",
    "updated": "i4",
    "load": "i4",
    "source": "i4",
    "departement": "S3",
    "code_insee": "S5",
}

TIE_BITS = 40
_LOW = (1 << 64) - 1
# Under this many changes, shifting columns for each beats rebuilding them.
_BULK = 64


@dataclass(frozen=True, slots=True)
class Removal:
    """A venue that leaves the index."""

    venue_id: str


class VenueIndex:
    """Columns of every venue that is not retired. Not thread-safe: one event loop owns it."""

    def __init__(self) -> None:
        self._size = 0
        self._located = 0
        self._data: dict[str, Column] = {name: np.zeros(0, dtype=kind) for name, kind in _COLUMNS.items()}
        self._columns = dict(self._data)
        self._sources: dict[str, int] = {}
        self._revision = 0
        self._load_revision = 0
        self._loads: dict[str, int] = {}

    def __len__(self) -> int:
        return self._size

    @property
    def revision(self) -> int:
        """Digest of the venues present."""
        return self._revision

    @property
    def load_revision(self) -> int:
        """Digest of the open referrals of every venue."""
        return self._load_revision

    @property
    def located(self) -> int:
        """Rows with a position; they come first."""
        return self._located

    def column(self, name: str) -> Column:
        """A live view of one column: read it at once, do not keep it."""
        return self._columns[name]

    def venue_id(self, row: int) -> str:
        """The id of the venue at a row."""
        found: bytes = self._data["venue_id"].item(row)
        return found.decode()

    def source_number(self, source: str) -> int:
        """What stands for a source in its column; -1 for one that brought nothing."""
        return self._sources.get(source, -1)

    def version(self, venue_id: str) -> int | None:
        """The version held of a venue, or None."""
        row = self.row(venue_id)
        return None if row is None else int(self._data["version"][row])

    def row(self, venue_id: str) -> int | None:
        """Where a venue stands now, or None. About 20 µs among 50,000."""
        try:
            number = UUID(venue_id).int
        except ValueError:
            return None
        for row in np.flatnonzero(self.column("high") == np.uint64(number >> 64)):
            if int(self._data["low"][row]) == number & _LOW:
                return int(row)
        return None

    def ids(self) -> list[str]:
        """Every venue id, in id order."""
        return sorted(self.venue_id(row) for row in range(self._size))

    def put(self, row: VenueRow) -> bool:
        """Add or replace one venue; False (nothing done) when the version held is as high."""
        held = self.row(row.venue_id)
        if held is not None:
            if int(self._data["version"][held]) >= row.version:
                return False
            self._revision ^= _digest(row.venue_id, int(self._data["version"][held]))
        self._revision ^= _digest(row.venue_id, row.version)
        self._reserve(self._size + 1)
        last = self._size if held is None else held
        fresh = self._encoded([row])
        target = self._target(row.latitude, last, new=held is None)
        for name, column in self._data.items():
            if target < last:
                column[target + 1 : last + 1] = column[target:last]
            elif target > last:
                column[last:target] = column[last + 1 : target + 1]
            column[target] = fresh[name][0]
        self._resize(self._size + (held is None))
        return True

    def remove(self, venue_id: str) -> bool:
        """Take one venue out; False when it was not there."""
        held = self.row(venue_id)
        if held is None:
            return False
        self._revision ^= _digest(venue_id, int(self._data["version"][held]))
        for column in self._data.values():
            column[held : self._size - 1] = column[held + 1 : self._size]
        self._resize(self._size - 1)
        return True

    def _target(self, latitude: float, last: int, *, new: bool) -> int:
        """Where a row goes so that latitudes stay in order, once row `last` is free."""
        place = int(np.searchsorted(self.column("latitude"), latitude))
        return place if new or place <= last else place - 1

    def _reserve(self, size: int) -> None:
        capacity = len(self._data["latitude"])
        if size <= capacity:
            return
        spare = max(_BULK, capacity // 8)
        for name, kind in _COLUMNS.items():
            self._data[name] = np.concatenate([self._data[name], np.zeros(spare, dtype=kind)])

    def _resize(self, size: int) -> None:
        self._size = size
        self._columns = {name: column[:size] for name, column in self._data.items()}
        # NaN sorts last: the first one marks the end of the rows that have a position.
        self._located = int(np.searchsorted(self.column("latitude"), np.nan))

    def apply(self, changes: Iterable[VenueRow | Removal]) -> None:
        """Many changes at once; the higher version wins, a removal always does. 50,000 take under a second."""
        latest: dict[str, VenueRow | Removal] = {}
        for change in changes:
            known = latest.get(change.venue_id)
            if not (
                isinstance(known, VenueRow)
                and isinstance(change, VenueRow)
                and known.version >= change.version
            ):
                latest[change.venue_id] = change
        if len(latest) < _BULK:
            for change in latest.values():
                self.put(change) if isinstance(change, VenueRow) else self.remove(change.venue_id)
            return
        self._rebuild(latest)

    def replace_source(self, source: str, rows: Sequence[VenueRow]) -> None:
        """Make the venues of one source exactly these, in one step for readers."""
        kept = {row.venue_id for row in rows}
        number = self._sources.get(source)
        there = [] if number is None else np.flatnonzero(self.column("source") == number).tolist()
        gone: list[VenueRow | Removal] = [
            Removal(identifier) for row in there if (identifier := self.venue_id(row)) not in kept
        ]
        self.apply([*gone, *rows])

    def change_load(self, venue_id: str, more: int) -> None:
        """One referral more (1) or less (-1) is open at a venue, known to the index or not yet."""
        before = self._loads.pop(venue_id, 0)
        open_referrals = max(0, before + more)
        if open_referrals:
            self._loads[venue_id] = open_referrals
        self._load_revision ^= _digest(venue_id, before) if before else 0
        self._load_revision ^= _digest(venue_id, open_referrals) if open_referrals else 0
        row = self.row(venue_id)
        if row is not None:
            self._data["load"][row] = open_referrals

    def _rebuild(self, latest: dict[str, VenueRow | Removal]) -> None:
        held = {identifier: row for row in range(self._size) if (identifier := self.venue_id(row)) in latest}
        leaving, coming = [], []
        for venue_id, change in latest.items():
            row = held.get(venue_id)
            if isinstance(change, VenueRow):
                if row is not None and int(self._data["version"][row]) >= change.version:
                    continue
                coming.append(change)
                self._revision ^= _digest(venue_id, change.version)
            if row is not None:
                leaving.append(row)
                self._revision ^= _digest(venue_id, int(self._data["version"][row]))
        fresh = self._encoded(coming)
        made = {
            name: np.concatenate([np.delete(self.column(name), leaving), fresh[name]]) for name in _COLUMNS
        }
        order = np.argsort(made["latitude"], kind="stable")
        self._data = {name: column[order] for name, column in made.items()}
        self._resize(len(order))
        self._reserve(
            self._size + _BULK
        )  # room for the next single venues, so that none of them pays for growing

    def _encoded(self, rows: list[VenueRow]) -> dict[str, Column]:
        numbers = [UUID(row.venue_id).int for row in rows]
        latitude, longitude = (
            np.array([getattr(row, axis) for row in rows], dtype=np.float64)
            for axis in ("latitude", "longitude")
        )
        x, y, z = unit_vector(latitude, longitude)
        made: dict[str, object] = {
            "venue_id": [row.venue_id.encode() for row in rows],
            "high": [number >> 64 for number in numbers],
            "low": [number & _LOW for number in numbers],
            "tie": [number >> (128 - TIE_BITS) for number in numbers],
            "x": x,
            "y": y,
            "z": z,
            "load": [self._loads.get(row.venue_id, 0) for row in rows],
            "source": [self._sources.setdefault(row.source, len(self._sources)) for row in rows],
            "departement": [row.departement.encode() for row in rows],
            "code_insee": [row.code_insee.encode() for row in rows],
        }
        return {
            name: np.array(made[name] if name in made else [getattr(row, name) for row in rows], dtype=kind)
            for name, kind in _COLUMNS.items()
        }


def unit_vector(
    latitude: NDArray[np.float64] | float, longitude: NDArray[np.float64] | float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """A point of the globe as a vector of length one: distances then need no trigonometry per venue."""
    north, east = np.radians(latitude), np.radians(longitude)
    return np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)


def _digest(venue_id: str, number: int) -> int:
    hashed = blake2b(f"{venue_id}:{number}".encode(), digest_size=REVISION_BITS // 8)
    return int.from_bytes(hashed.digest(), "big")
