"""From the facts of one case to what it counts for, seen from each node of its institution.

The unit of every count is a **case**: one person followed by one institution. Whatever happened to them more than
once (a second referral, one that replaces another, a reassessment) they count once in each column.

A node sees the facts of its own subtree only, so the same case may count for less at a service than at its
institution. A case stands in one place of the cube: the month and service of its first fact, and the département,
age band and profile last known.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import groupby
from sys import intern
from typing import NamedTuple

from services.statistics.model import AssessmentFact, Fact, MatchFact, ReferralFact
from services.statistics.periods import Month, month_of
from shared.events.assessments import Scores
from shared.events.vocabulary import AgeBand
from shared.security.caller import Owner

UNKNOWN = "unknown"
NOT_PROFILED = "not_profiled"
_HOUR = timedelta(hours=1)


class Place(NamedTuple):
    """Where a case is counted."""

    service: str
    month: Month
    departement: str
    age_band: str
    profile: str


@dataclass(frozen=True, slots=True)
class CaseCount:
    """What one case adds: one to each of `columns`, and each figure to its distribution (hours, or points)."""

    place: Place
    columns: frozenset[str]
    figures: tuple[tuple[str, int], ...]


def counts_of_case(facts: Iterable[Fact]) -> dict[str, CaseCount]:
    """Return what a case counts for at each node that sees something of it; nothing when nothing is to be counted."""
    counted = sorted((fact for fact in facts if fact.counted), key=_by_node_then_time)
    by_owner = {node: list(group) for node, group in groupby(counted, key=lambda fact: fact.owner.node)}
    seen: dict[str, list[Fact]] = {}
    for group in by_owner.values():
        for node in _seen_from(group[0].owner):
            seen.setdefault(node, []).extend(group)
    if len(by_owner) == 1:  # the usual case: every node sees the same
        count = _count(counted)
        return dict.fromkeys(seen, count)
    return {node: _count(sorted(group, key=_by_time)) for node, group in seen.items()}


def _by_time(fact: Fact) -> tuple[datetime, str]:
    return fact.about.began_at, fact.id


def _by_node_then_time(fact: Fact) -> tuple[str, datetime, str]:
    return fact.owner.node, fact.about.began_at, fact.id


def _seen_from(owner: Owner) -> list[str]:
    return [node for node in (owner.institution, owner.body, owner.service) if node is not None]


def _count(facts: Sequence[Fact]) -> CaseCount:
    abouts = [fact.about for fact in facts]
    assessments = [about for about in abouts if isinstance(about, AssessmentFact)]
    assessments.sort(key=lambda about: about.facts.ordinal)
    referrals = [about for about in abouts if isinstance(about, ReferralFact)]
    matches = [about for about in abouts if isinstance(about, MatchFact)]
    columns, figures = _of_assessments(assessments)
    if any(match.venues for match in matches):
        columns.add("matched")
    more_columns, more_figures = _of_referrals(referrals)
    return CaseCount(
        place=_place(facts, assessments),
        columns=_shared(frozenset(columns | more_columns)),
        figures=tuple(sorted((figures | more_figures).items())),
    )


@lru_cache(maxsize=10_000)
def _shared(columns: frozenset[str]) -> frozenset[str]:
    """Return one object for equal sets: the cube keeps one for each case, and most are alike."""
    return columns


def _place(facts: Sequence[Fact], assessments: Sequence[AssessmentFact]) -> Place:
    departements, age_bands = [UNKNOWN], [AgeBand.UNKNOWN]
    for fact in facts:
        about = fact.about
        known = about.facts if isinstance(about, AssessmentFact) else about
        if known.departement is not None:
            departements.append(known.departement)
        if not isinstance(known, MatchFact) and known.age_band is not AgeBand.UNKNOWN:
            age_bands.append(known.age_band)
    return Place(
        service=intern(facts[0].owner.node),
        month=month_of(facts[0].about.began_at),
        departement=departements[-1],
        age_band=age_bands[-1].value,
        profile=_profile(assessments),
    )


def _profile(assessments: Sequence[AssessmentFact]) -> str:
    profiles = [about.facts.profile for about in assessments if about.facts.profile is not None]
    return profiles[-1].value if profiles else NOT_PROFILED


def _of_assessments(assessments: Sequence[AssessmentFact]) -> tuple[set[str], dict[str, int]]:
    if not assessments:
        return set(), {}
    last = assessments[-1].facts
    columns = {"assessed", f"profile.{_profile(assessments)}"}
    columns |= {f"need.{retained.need}" for retained in last.needs}
    if last.ordinal == 1:
        return columns, {}
    columns.add("reassessed")
    if last.scores is None or last.first_scores is None:
        return columns, {}
    columns.add("compared")
    return columns, _gains(last.first_scores, last.scores)


def _gains(first: Scores, last: Scores) -> dict[str, int]:
    return {
        "gain.access": last.access - first.access,
        "gain.skills": last.skills - first.skills,
        "gain.autonomy": last.autonomy - first.autonomy,
    }


def _of_referrals(referrals: Sequence[ReferralFact]) -> tuple[set[str], dict[str, int]]:
    if not referrals:
        return set(), {}
    began = min(referral.created_at for referral in referrals)
    columns, figures = {"referred"}, {}
    steps: Mapping[str, list[datetime]] = {
        "answered": [about.answered_at for about in referrals if about.answered_at is not None],
        "met": [about.met_at for about in referrals if about.met_at is not None],
        "completed": [about.completed_at for about in referrals if about.completed_at is not None],
    }
    for step, times in steps.items():
        if times:
            columns.add(step)
            figures[f"hours.{step}"] = max(0, (min(times) - began) // _HOUR)
    columns |= {f"reason.{ending.reason}" for referral in referrals for ending in referral.endings}
    return columns, figures
