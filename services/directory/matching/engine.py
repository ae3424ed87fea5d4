"""Answers a match request over the index: what is in reach, what each venue answers, which come first and why.

The path is arithmetic on columns: a slice by latitude, a box by longitude, distances, one table look-up a rule, one key
to sort by. Texts are made elsewhere, for the few venues that are shown. The answer depends only on the request, the
day, and the index and load revisions it states: score first, then venue id.
"""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from math import cos, degrees, radians

import numpy as np

from services.directory.matching.index import TIE_BITS, VenueIndex, unit_vector
from services.directory.matching.model import (
    Answer,
    Exclusion,
    ExclusionCode,
    MatchAnswer,
    MatchRequest,
    Point,
    Proposal,
)
from services.directory.matching.needs import need_table
from services.directory.matching.proposals import Candidates, Describer, Rows
from services.directory.matching.rules import (
    EXCLUDED_BY_ID,
    NO_SHIFT,
    NUMBERS,
    PLACE_UNKNOWN,
    POINTS_MASK,
    RULES,
    TO_VERIFY,
    Values,
    asked,
    need_tables,
)
from services.directory.standards.position import EARTH_RADIUS_M
from shared.events.vocabulary import Coverage, Need

NEED_POINTS = 300
UNKNOWN_NEED_POINTS = 90
REACH_POINTS = 300
AGE_POINTS = 120
AGE_LIMIT_DAYS = 1826  # five years: older data is not told apart any more
LOAD_POINTS = 15
LOAD_LIMIT = 20
PREFERRED_POINTS = 250
SCORE_OFFSET = 1 << 20
METRES_PER_DEGREE = radians(1) * EARTH_RADIUS_M


def match(request: MatchRequest, index: VenueIndex, today: date) -> MatchAnswer:
    """The venues that fit best and what is covered, as of `today`. About 0.1 ms over 50,000 venues at 20 km."""
    needs = answerable(request.needs)
    found = _weigh(request, index, needs)
    kept = found.eligible.nonzero()[0]
    return MatchAnswer(
        coverage=_coverage(needs, found.words[kept], found.needs[kept]),
        proposals=_best(found, kept, today),
        within_reach=len(found.rows),
        eligible=len(kept),
        exclusions=_exclusions(found),
        index_revision=index.revision,
        load_revision=index.load_revision,
        as_of=today,
    )


def answerable(needs: Iterable[Need]) -> tuple[Need, ...]:
    """The needs that a venue can answer at all: the paper way asks for none."""
    table = need_table().needs
    return tuple(need for need in needs if table[need].any_of)


def count_eligible(request: MatchRequest, index: VenueIndex) -> int:
    """How many venues could be proposed, without ordering them."""
    found = _weigh(request, index, answerable(request.needs))
    return int(np.count_nonzero(found.eligible))


def named_exclusions(request: MatchRequest, index: VenueIndex) -> list[Exclusion]:
    """Each excluded venue within reach with every rule that said no, nearest first, then by id."""
    found = _weigh(request, index, answerable(request.needs))
    named = []
    for place in np.flatnonzero(~found.eligible):
        codes = [*_excluding(int(found.words[place]) >> NO_SHIFT)]
        if found.needs[place] == 0:
            codes.append(ExclusionCode.SERVICE.value)
        distance = int(found.distance[place])
        named.append(
            Exclusion(
                index.venue_id(int(found.rows[place])), distance if distance >= 0 else None, tuple(codes)
            )
        )
    return sorted(named, key=lambda one: (one.distance_m is None, one.distance_m or 0, one.venue_id))


def _weigh(request: MatchRequest, index: VenueIndex, needs: tuple[Need, ...]) -> Candidates:
    rows, distance, words = _in_reach(request, index)
    rules = asked(request)
    for rule, table in rules:
        words += table.take(index.column(rule.column).take(rows))
    if request.venues_excluded:
        words[np.isin(rows, _rows_of(request.venues_excluded, index))] |= EXCLUDED_BY_ID
    return Candidates(
        request,
        index,
        needs,
        rows=rows,
        distance=distance,
        words=words,
        needs=_answers(rows, needs, index),
        rules=rules,
    )


def _answers(rows: Rows, needs: tuple[Need, ...], index: VenueIndex) -> Values:
    answers = np.zeros(len(rows), dtype=np.int64)
    offer, marks = index.column("offer").take(rows), None
    for position, need in enumerate(needs):
        by_offer, by_marks = need_tables(need, position)
        if by_offer is not None:
            answers |= by_offer.take(offer)
        if by_marks is not None:
            marks = index.column("marks").take(rows) if marks is None else marks
            answers |= by_marks.take(marks)
    return answers


def _in_reach(request: MatchRequest, index: VenueIndex) -> tuple[Rows, Rows, Values]:
    """Rows within reach, their distances in whole metres, and their first words."""
    point = request.position
    rows, distance = within_reach(point, int(request.reach_used_km * 1_000), index)
    words = np.zeros(len(rows), dtype=np.int64)
    if index.located < len(index) and point.departement:
        # A venue of the same département whose position nobody knows may be next door: unknown is not a no.
        somewhere = np.flatnonzero(index.column("departement")[index.located :] == point.departement.encode())
        rows = np.concatenate([rows, somewhere + index.located])
        distance = np.concatenate([distance, np.full(len(somewhere), -1, dtype=np.int64)])
        words = np.concatenate([words, np.full(len(somewhere), PLACE_UNKNOWN, dtype=np.int64)])
    return rows, distance, words


def within_reach(point: Point, reach_m: int, index: VenueIndex) -> tuple[Rows, Rows]:
    """Rows at most `reach_m` from a point, and their distances in whole metres."""
    rows = _in_box(point.latitude, point.longitude, reach_m, index)
    distance = _distances(point.latitude, point.longitude, rows, index)
    near = distance <= reach_m
    return rows[near], distance[near]


def _in_box(latitude: float, longitude: float, reach_m: int, index: VenueIndex) -> Rows:
    # A metre and a half more than asked: distances are rounded to the metre afterwards.
    height = degrees((reach_m + 1.5) / EARTH_RADIUS_M)
    latitudes = index.column("latitude")[: index.located]
    first, last = latitudes.searchsorted((latitude - height, latitude + height))
    first, last = int(first), min(int(last) + 1, index.located)
    widest = min(90.0, abs(latitude) + height)
    width = 360.0 if widest > 89 else 1.01 * height / cos(radians(widest))
    apart = index.column("longitude")[first:last] - longitude
    inside = (
        np.abs(apart) <= width if abs(longitude) + width < 180 else np.abs((apart + 180) % 360 - 180) <= width
    )
    rows: Rows = inside.nonzero()[0]
    rows += first
    return rows


def _distances(latitude: float, longitude: float, rows: Rows, index: VenueIndex) -> Rows:
    """Great-circle distances in whole metres, from the chord between unit vectors."""
    total = np.zeros(len(rows))
    for axis, start in zip("xyz", unit_vector(latitude, longitude), strict=True):
        apart = index.column(axis).take(rows)
        apart -= start
        apart *= apart
        total += apart
    np.sqrt(total, out=total)
    total *= 0.5
    np.arcsin(np.minimum(total, 1.0), out=total)
    total *= 2 * EARTH_RADIUS_M
    rounded: Rows = np.rint(total).astype(np.int64)
    return rounded


def _coverage(needs: tuple[Need, ...], words: Values, answers: Values) -> dict[Need, Coverage]:
    possible = int(np.bitwise_or.reduce(answers, initial=0))
    certain = int(np.bitwise_or.reduce(answers[(words & TO_VERIFY) == 0], initial=0))
    found = {}
    for position, need in enumerate(needs):
        if (certain >> 2 * position) & Answer.YES == Answer.YES:
            found[need] = Coverage.COVERED
        elif (possible >> 2 * position) & Answer.UNKNOWN:
            found[need] = Coverage.TO_VERIFY
        else:
            found[need] = Coverage.UNCOVERED
    return found


def _best(found: Candidates, kept: Rows, today: date) -> tuple[Proposal, ...]:
    scores = _scores(found, kept, today)
    keys = (SCORE_OFFSET - scores) << TIE_BITS
    keys |= found.index.column("tie").take(found.rows[kept])
    top = found.request.top
    if len(keys) > top:
        first = keys.argpartition(top)[:top]
        order = first[keys[first].argsort()]
    else:
        order = keys.argsort()
    describe = Describer(found, today)
    return tuple(map(describe, kept[order].tolist(), scores[order].tolist()))


def _scores(found: Candidates, kept: Rows, today: date) -> Rows:
    request, index = found.request, found.index
    rows, answers = found.rows[kept], found.needs[kept]
    may = int("01" * len(found.asked_needs) or "0", 2)
    scores: Rows = np.bitwise_count(answers & may).astype(np.int64) * UNKNOWN_NEED_POINTS
    scores += np.bitwise_count(answers & (may << 1)) * np.int64(NEED_POINTS - UNKNOWN_NEED_POINTS)
    reach_m = max(1, int(request.reach_used_km * 1_000))
    distance = found.distance[kept]
    scores -= distance * REACH_POINTS // reach_m
    if index.located < len(index):
        scores[distance < 0] -= 2 * REACH_POINTS
    scores -= found.words[kept] & POINTS_MASK
    age = today.toordinal() - index.column("updated").take(rows)
    scores -= np.minimum(np.maximum(age, 0), AGE_LIMIT_DAYS) * AGE_POINTS // AGE_LIMIT_DAYS
    scores -= np.minimum(index.column("load").take(rows), LOAD_LIMIT) * LOAD_POINTS
    if request.venues_preferred:
        scores[np.isin(rows, _rows_of(request.venues_preferred, index))] += PREFERRED_POINTS
    return scores


def _rows_of(venue_ids: Iterable[str], index: VenueIndex) -> list[int]:
    return [row for venue_id in venue_ids if (row := index.row(venue_id)) is not None]


def _exclusions(found: Candidates) -> dict[str, int]:
    counts: dict[str, int] = {}
    patterns = np.bincount(found.words >> NO_SHIFT).tolist()
    for pattern, times in enumerate(patterns[1:], start=1):
        if times:
            for code in _excluding(pattern):
                counts[code] = counts.get(code, 0) + times
    without = len(found.needs) - int(np.count_nonzero(found.needs))
    if without:
        counts[ExclusionCode.SERVICE.value] = without
    return counts


@lru_cache(maxsize=1 << (len(RULES) + 1))
def _excluding(pattern: int) -> tuple[str, ...]:
    codes = [rule.code.value for rule in RULES if pattern >> NUMBERS[rule.code] & 1]
    return (*codes, ExclusionCode.VENUE_EXCLUDED.value) if pattern >> len(RULES) & 1 else tuple(codes)
