"""Lists of venues, answered by the index: any filters together, in the order of ids, or of distance when near a place."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.directory.matching.columns import mask
from services.directory.matching.engine import within_reach
from services.directory.matching.index import VenueIndex
from services.directory.matching.model import Point
from services.directory.matching.rules import need_tables
from shared.events.vocabulary import Need, StandardService
from shared.store.port import InvalidCursor

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_CURSOR = re.compile(rf"([0-9]{{1,9}})\.({_UUID})")


@dataclass(frozen=True, slots=True)
class VenueFilter:
    """What is asked of a list. `near` with `radius_km` orders by distance; a need keeps those that may answer it."""

    commune: str | None = None
    departement: str | None = None
    source: str | None = None
    near: Point | None = None
    radius_km: float = 10.0
    service: StandardService | None = None
    need: Need | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A venue listed, with its distance when the list is about a place."""

    venue_id: str
    distance_m: int | None


@dataclass(frozen=True, slots=True)
class HitPage:
    """One page of a list."""

    hits: list[Hit]
    next: str | None


def find_venues(index: VenueIndex, asked: VenueFilter, *, after: str | None, limit: int) -> HitPage:
    """A page of the venues that pass every filter.

    Raises:
        InvalidCursor: `after` was not given by such a list.
    """
    if asked.near is not None:
        rows, distance = within_reach(asked.near, int(asked.radius_km * 1_000), index)
    else:
        rows, distance = np.arange(len(index)), np.zeros(len(index), dtype=np.int64)
    kept = _passing(index, rows, asked)
    rows, distance = rows[kept], distance[kept]
    ids = index.column("high").take(rows)
    if after is not None:
        far, last = _read_cursor(after)
        beyond = (distance > far) | ((distance == far) & (ids > last))
        rows, distance, ids = rows[beyond], distance[beyond], ids[beyond]
    order = np.lexsort((ids, distance))[: limit + 1]
    hits = [
        Hit(index.venue_id(int(rows[place])), int(distance[place]) if asked.near else None) for place in order
    ]
    more = len(hits) > limit
    return HitPage(hits[:limit], _cursor(hits[limit - 1]) if more else None)


def _passing(index: VenueIndex, rows: NDArray[np.int64], asked: VenueFilter) -> NDArray[np.bool_]:
    kept = np.ones(len(rows), dtype=np.bool_)
    for column, code in (("code_insee", asked.commune), ("departement", asked.departement)):
        if code is not None:
            kept &= index.column(column).take(rows) == code.encode()
    if asked.source is not None:
        kept &= index.column("source").take(rows) == index.source_number(asked.source)
    offer = index.column("offer").take(rows)
    if asked.service is not None:
        kept &= (offer & mask([asked.service])) != 0
    if asked.need is not None:
        by_offer, by_marks = need_tables(asked.need, 0)
        answers = np.zeros(len(rows), dtype=np.int64)
        if by_offer is not None:
            answers |= by_offer.take(offer)
        if by_marks is not None:
            answers |= by_marks.take(index.column("marks").take(rows))
        kept &= answers != 0
    return kept


def _cursor(hit: Hit) -> str:
    return f"{hit.distance_m or 0}.{hit.venue_id}"


def _read_cursor(cursor: str) -> tuple[int, np.uint64]:
    parts = _CURSOR.fullmatch(cursor)
    if parts is None:
        raise InvalidCursor
    return int(parts[1]), np.uint64(int(parts[2].replace("-", "")[:16], 16))
