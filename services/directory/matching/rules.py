"""The constraints of matching, declared one by one, and their answers tabulated.

A rule reads one column of a venue (a few bits) and what the request asks of it, and answers yes, no or unknown. A column
has at most 15 bits, so each (rule, question) is worked out once for every possible value and kept as a table: on the hot
path a rule costs one look-up, and the rule itself stays three plain lines.

A table entry is a *word*: the points that the answer costs in its low bits, one bit for an unknown, one for a no. Words
of different rules are added up; their bits never meet.

What a filled list that lacks the value means is part of the rule. `services`, `modalites_accompagnement`,
`publics_specifiquement_adresses`, `frais_a_charge`, `modalites_acces` and `dispositif_programmes_nationaux` describe the
whole offer: lacking is a stated no. `prise_en_charge_specifique`, labels and typologies say what a venue has, not what
it refuses: lacking is unknown.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.directory.matching.columns import (
    HAS_PHONE,
    ITINERANCE_SHIFT,
    MARK_BITS,
    MARKED_LABELS,
    MARKED_TYPOLOGIES,
    OFFER_BITS,
    PROGRAMME_BITS,
    SERVICE_BITS,
    WIDTHS,
    mask,
)
from services.directory.matching.model import Answer, MatchRequest, RuleCode
from services.directory.matching.needs import Alternative, need_table
from services.directory.model import Access, Cost, Itinerance
from shared.events.vocabulary import Modality, Need, Urgency

Values = NDArray[np.int64]

UNKNOWN_SHIFT = 20
NO_SHIFT = 32
POINTS_MASK = (1 << UNKNOWN_SHIFT) - 1


@dataclass(frozen=True, slots=True)
class Rule:
    """One constraint.

    `asks` gives what the request asks, or None when it asks nothing; `answers` works on every value of `column`.
    `unknown_points` lower the rank of an unknown. A soft rule's no costs `no_points` and excludes nobody; its unknown
    needs no verification.
    """

    code: RuleCode
    column: str
    asks: Callable[[MatchRequest], Hashable | None]
    answers: Callable[[Values, Any], Values]
    unknown_points: int
    soft: bool = False
    no_points: int = 0


def closed(values: Values, wanted: int) -> Values:
    """Answer of a list that describes the whole offer: blank is unknown, lacking every wanted value is a no."""
    return np.where(values == 0, Answer.UNKNOWN, np.where(values & wanted, Answer.YES, Answer.NO))


def open_list(values: Values, wanted: int) -> Values:
    """Answer of a list that says what a venue has, not what it refuses: having every wanted value is a yes, all else is unknown."""
    return np.where((values & wanted) == wanted, Answer.YES, Answer.UNKNOWN)


def _free(values: Values, _asked: Any) -> Values:
    # "Gratuit|Payant" and "Gratuit sous condition" may or may not be free for this person: unknown.
    stated = np.where(values == mask([Cost.GRATUIT]), Answer.YES, Answer.UNKNOWN)
    return np.where(values == mask([Cost.PAYANT]), Answer.NO, stated)


def _reachable_now(values: Values, _asked: Any) -> Values:
    now = mask([Access.SE_PRESENTER, Access.TELEPHONER]) | HAS_PHONE
    return closed(values, now)


def _receives(values: Values, _asked: Any) -> Values:
    return np.where(values & mask([Access.PAS_DE_PUBLIC]), Answer.NO, Answer.YES)


def _stops(values: Values, _asked: Any) -> Values:
    # A venue that is only mobile is somewhere else on most days: its address is a depot until its stops are known.
    return np.where(values == mask([Itinerance.ITINERANT]), Answer.UNKNOWN, Answer.YES)


def _asked_publics(request: MatchRequest) -> int | None:
    return mask(request.publics) or None


def _asked_care(request: MatchRequest) -> int | None:
    table = need_table().adaptations
    return mask(care for adaptation in request.adaptations for care in table[adaptation]) or None


def _asked_modality(request: MatchRequest) -> int | None:
    return mask([request.modality]) if request.modality else None


def _asked_fit(request: MatchRequest) -> int | None:
    fitting = need_table().profiles.get(request.profile) if request.profile else None
    return mask(fitting) if fitting else None


def _asked_free(request: MatchRequest) -> bool | None:
    return True if request.free_only else None


def _asked_urgent(request: MatchRequest) -> bool | None:
    return True if request.urgency is Urgency.URGENT else None


def _asked_on_site(request: MatchRequest) -> bool | None:
    return None if request.modality is Modality.A_DISTANCE else True


# Points are on one scale: 300 for a need met, 300 for the whole reach, 120 for data five years old, 15 an open referral.
RULES: tuple[Rule, ...] = (
    Rule(RuleCode.PUBLICS, "publics", _asked_publics, closed, unknown_points=40),
    Rule(RuleCode.COST, "cost", _asked_free, _free, unknown_points=60),
    Rule(RuleCode.CARE, "care", _asked_care, open_list, unknown_points=60),
    Rule(RuleCode.MODALITY, "modalities", _asked_modality, closed, unknown_points=60),
    Rule(RuleCode.REACHABLE, "access", _asked_urgent, _reachable_now, unknown_points=150),
    Rule(RuleCode.RECEIVES_PUBLIC, "access", _asked_on_site, _receives, unknown_points=0),
    Rule(RuleCode.STOPS, "itinerance", _asked_on_site, _stops, unknown_points=100),
    Rule(RuleCode.PROFILE, "modalities", _asked_fit, closed, unknown_points=20, soft=True, no_points=150),
)
NUMBERS = {rule.code: number for number, rule in enumerate(RULES)}
IMPLICIT = frozenset({RuleCode.RECEIVES_PUBLIC, RuleCode.STOPS})
"""Rules that nobody asks for by name: only what they find wrong is worth a word."""

PLACE_UNKNOWN = 1 << (UNKNOWN_SHIFT + len(RULES))
"""Set beside the rules' own bits for a venue whose position nobody knows."""

EXCLUDED_BY_ID = 1 << (NO_SHIFT + len(RULES))
"""Set for a venue that the request excludes by its id."""

TO_VERIFY = PLACE_UNKNOWN | sum(1 << (UNKNOWN_SHIFT + NUMBERS[rule.code]) for rule in RULES if not rule.soft)
"""Bits of a word that ask for a call. A soft rule uses its own bit to say that the offer does not fit."""


def unknown_bit(code: RuleCode) -> int:
    """The bit of a word that says "unknown" for a rule."""
    return 1 << (UNKNOWN_SHIFT + NUMBERS[code])


def no_bit(code: RuleCode) -> int:
    """The bit of a word that says "no" (or "unknown" to a strict criterion) for a rule."""
    return 1 << (NO_SHIFT + NUMBERS[code])


def asked(request: MatchRequest) -> list[tuple[Rule, Values]]:
    """The rules that a request asks, each with its table of words."""
    found = []
    for rule in RULES:
        question = rule.asks(request)
        if question is not None:
            found.append((rule, word_table(rule.code, question, rule.code in request.strict)))
    return found


@lru_cache(maxsize=1024)
def word_table(code: RuleCode, question: Hashable, strict: bool) -> Values:
    """Words of a rule for every value of its column."""
    rule = RULES[NUMBERS[code]]
    answers = rule.answers(np.arange(1 << WIDTHS[rule.column], dtype=np.int64), question)
    no, unknown = answers == Answer.NO, answers == Answer.UNKNOWN
    if rule.soft:
        misfit = rule.no_points | unknown_bit(code)
        return np.where(no, misfit, np.where(unknown, rule.unknown_points, 0)).astype(np.int64)
    words = np.where(unknown, rule.unknown_points | unknown_bit(code), 0)
    excluded = no | (unknown if strict else False)
    return (words | np.where(excluded, no_bit(code), 0)).astype(np.int64)


@lru_cache(maxsize=128)
def need_tables(need: Need, position: int) -> tuple[Values | None, Values | None]:
    """Answers to one need, shifted to its two bits: by `offer` and by `marks`, None for one that it does not read.

    A venue's answer is the OR of both. A table takes at most 256 KiB; requests name about three needs.
    """
    tables: list[Values | None] = [None, None]
    for alternative in need_table().needs[need].any_of:
        side = int(_reads_marks(alternative))
        table = (_by_marks(alternative) if side else _by_offer(alternative)) << (2 * position)
        known = tables[side]
        tables[side] = table if known is None else known | table
    return tables[0], tables[1]


def _reads_marks(alternative: Alternative) -> bool:
    return not (alternative.services or alternative.modalities or alternative.themes)


def _by_offer(alternative: Alternative) -> Values:
    values = np.arange(1 << OFFER_BITS, dtype=np.int64)
    answers = np.full(1 << OFFER_BITS, Answer.YES, dtype=np.int64)
    if alternative.services:
        answers &= closed(values & ((1 << SERVICE_BITS) - 1), mask(alternative.services))
    if alternative.modalities:
        answers &= closed(values >> SERVICE_BITS, mask(alternative.modalities))
    if alternative.themes:
        answers &= int(Answer.UNKNOWN)
    return _as_stated(answers, alternative)


def _by_marks(alternative: Alternative) -> Values:
    values = np.arange(1 << MARK_BITS, dtype=np.int64)
    answers = np.full(1 << MARK_BITS, Answer.YES, dtype=np.int64)
    if alternative.programmes:
        answers &= closed(values & ((1 << PROGRAMME_BITS) - 1), mask(alternative.programmes))
    if alternative.itinerance:
        answers &= closed(values >> ITINERANCE_SHIFT, mask(alternative.itinerance))
    marked = [MARKED_TYPOLOGIES.index(value) for value in alternative.typologies]
    marked += [len(MARKED_TYPOLOGIES) + MARKED_LABELS.index(value) for value in alternative.labels]
    if marked:
        wanted = sum(1 << (PROGRAMME_BITS + position) for position in marked)
        answers &= np.where(values & wanted, Answer.YES, Answer.UNKNOWN)
    return _as_stated(answers, alternative)


def _as_stated(answers: Values, alternative: Alternative) -> Values:
    return np.where(answers == Answer.YES, answers, 0) if alternative.only_when_stated else answers
