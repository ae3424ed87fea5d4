"""Turns a weighed candidate into a proposal: codes and figures only, worked out for the few venues that are shown."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from services.directory.matching.columns import UNKNOWN_DATE, mask
from services.directory.matching.index import VenueIndex
from services.directory.matching.model import Answer, MatchRequest, Proposal, Reason, ReasonCode
from services.directory.matching.rules import (
    IMPLICIT,
    NO_SHIFT,
    NUMBERS,
    RULES,
    TO_VERIFY,
    UNKNOWN_SHIFT,
    Rule,
    Values,
)
from services.directory.model import Access, Cost
from shared.events.vocabulary import Need

Rows = NDArray[np.int64]

_WALK_IN = mask([Access.SE_PRESENTER])
_FREE = mask([Cost.GRATUIT])
_RULE_BITS = (1 << len(RULES)) - 1
_FAR = Reason(ReasonCode.DISTANCE_UNKNOWN, Answer.UNKNOWN)
_UNDATED = Reason(ReasonCode.DATA_AGE_UNKNOWN, Answer.UNKNOWN)
_NEED_REASONS = {
    need: {int(answer): Reason(ReasonCode.NEED, answer, need.value) for answer in Answer} for need in Need
}


@dataclass(slots=True)
class Candidates:
    """The venues within reach and what they answered; parallel arrays.

    `distance` is in metres, -1 for an unknown position; `words` adds up the rules' words; `needs` packs two bits a need
    of `asked_needs`.
    """

    request: MatchRequest
    index: VenueIndex
    asked_needs: tuple[Need, ...]
    rows: Rows
    distance: Rows
    words: Values
    needs: Values
    rules: list[tuple[Rule, Values]]

    @property
    def eligible(self) -> NDArray[np.bool_]:
        """Those that no rule excludes and that may answer a need."""
        allowed: NDArray[np.bool_] = self.words < (1 << NO_SHIFT)
        allowed &= self.needs != 0
        return allowed


class Describer:
    """Makes the proposals of one request; what its venues have in common is worked out once."""

    def __init__(self, found: Candidates, today: date) -> None:
        self._found = found
        self._today = today.toordinal()
        self._asked = sum(1 << NUMBERS[rule.code] for rule, _ in found.rules)
        self._free_unasked = not found.request.free_only
        self._needs = [(2 * position, _NEED_REASONS[need]) for position, need in enumerate(found.asked_needs)]

    def __call__(self, place: int, score: int) -> Proposal:
        """The venue at one place of the candidates, with its reasons in the order in which they are read."""
        found = self._found
        row, word, answers = found.rows.item(place), found.words.item(place), found.needs.item(place)
        distance = found.distance.item(place)
        venue_id = found.index.venue_id(row)
        reasons = [_FAR if distance < 0 else Reason(ReasonCode.DISTANCE, Answer.YES, "", distance)]
        to_verify = bool(word & TO_VERIFY)
        for shift, by_answer in self._needs:
            answer = answers >> shift & 0b11
            if answer:
                reasons.append(by_answer[answer])
                to_verify |= answer == 1
        reasons += _rule_reasons(self._asked, (word >> UNKNOWN_SHIFT) & _RULE_BITS)
        self._say_standing(reasons, row)
        if venue_id in found.request.venues_preferred:
            reasons.append(_figure(ReasonCode.PREFERRED, 0))
        return Proposal(venue_id, score, None if distance < 0 else distance, to_verify, tuple(reasons))

    def _say_standing(self, reasons: list[Reason], row: int) -> None:
        """What is worth saying whatever was asked: free, walk-in, age of the data, load."""
        index = self._found.index
        if self._free_unasked and index.column("cost").item(row) == _FREE:
            reasons.append(_figure(ReasonCode.FREE, 0))
        if index.column("access").item(row) & _WALK_IN:
            reasons.append(_figure(ReasonCode.WALK_IN, 0))
        updated = index.column("updated").item(row)
        if updated == UNKNOWN_DATE:
            reasons.append(_UNDATED)
        else:
            reasons.append(_figure(ReasonCode.DATA_AGE, max(0, self._today - updated) * 12 // 365))
        if load := index.column("load").item(row):
            reasons.append(_figure(ReasonCode.LOAD, load))


@lru_cache(maxsize=4096)
def _rule_reasons(asked: int, unknown: int) -> tuple[Reason, ...]:
    reasons = []
    for number, rule in enumerate(RULES):
        if unknown >> number & 1:
            reasons.append(
                Reason(ReasonCode.RULE, Answer.NO if rule.soft else Answer.UNKNOWN, rule.code.value)
            )
        elif asked >> number & 1 and not rule.soft and rule.code not in IMPLICIT:
            reasons.append(Reason(ReasonCode.RULE, Answer.YES, rule.code.value))
    return tuple(reasons)


@lru_cache(maxsize=1024)
def _figure(code: ReasonCode, figure: int) -> Reason:
    return Reason(code, Answer.YES, "", figure)
