"""What a case counts for: once in each column, seen from each node."""

from datetime import timedelta
from typing import Any

from hypothesis import given

from services.statistics.cases import NOT_PROFILED, UNKNOWN, CaseCount, counts_of_case
from services.statistics.model import Fact
from services.statistics.reports import PARENTS, REPORTS
from shared.events.assessments import Scores
from shared.events.payload import Payload
from shared.events.referrals import (
    ReferralAccepted,
    ReferralCompleted,
    ReferralCorrected,
    ReferralDeclined,
    ReferralReopened,
    ReferralStarted,
)
from shared.events.vocabulary import AgeBand, Profile, ReferralReason
from tests.statistics.history import (
    DECIDE,
    MORNING,
    Story,
    assessed,
    histories,
    matched,
    moved,
    referred,
    unhurried,
)

DAY = timedelta(days=1)


def facts_of(*stories: tuple[str, list[Payload], float]) -> list[Fact]:
    """Return the facts of (aggregate, payloads, day of the first), one payload a day, all of one case."""
    return [
        fact_of(
            Story(name, tuple(payloads), tuple(MORNING + (day + step) * DAY for step in range(len(payloads))))
        )
        for name, payloads, day in stories
    ]


def fact_of(story: Story) -> Fact:
    """Return the fact that a story ends in."""
    fact = None
    for event in story.events:
        fact = DECIDE[type(event.data)](fact, event, "pseudonym")
    assert fact is not None
    return fact


def count(*stories: tuple[str, list[Payload], float]) -> CaseCount:
    """Return what the institution counts."""
    return counts_of_case(facts_of(*stories))["cpam93"]


def test_the_whole_chain_counts_once_in_each_column() -> None:
    found = count(
        ("a", [assessed("c")], 0),
        ("m", [matched("c")], 1),
        ("r", [referred("c"), moved("c", ReferralAccepted), moved("c", ReferralStarted), moved("c", ReferralCompleted)], 2),
        ("b", [assessed("c", ordinal=2, first_scores=Scores(access=20, skills=30, autonomy=10),
                        scores=Scores(access=20, skills=45, autonomy=5))], 30),
    )  # fmt: skip
    steps = {"assessed", "matched", "referred", "answered", "met", "completed", "reassessed", "compared"}
    assert steps <= found.columns
    assert dict(found.figures) == {
        "hours.answered": 24,
        "hours.met": 48,
        "hours.completed": 72,
        "gain.access": 0,
        "gain.skills": 15,
        "gain.autonomy": -5,
    }


def test_a_person_who_was_rerouted_counts_once_from_the_first_referral() -> None:
    found = count(
        ("r1", [referred("c"), moved("c", ReferralDeclined, reason=ReferralReason.NO_CAPACITY)], 0),
        (
            "r2",
            [referred("c", replaces="r1"), moved("c", ReferralAccepted), moved("c", ReferralCompleted)],
            4,
        ),
    )
    assert dict(found.figures) == {"hours.answered": 24, "hours.met": 6 * 24, "hours.completed": 6 * 24}
    assert {"referred", "answered", "met", "completed", "reason.no_capacity"} == found.columns


def test_a_referral_entered_in_error_counts_for_nothing() -> None:
    wrong = [referred("c"), moved("c", ReferralCompleted), moved("c", ReferralCorrected)]
    assert counts_of_case(facts_of(("r", wrong, 0))) == {}
    found = count(("r", wrong, 0), ("s", [referred("c"), moved("c", ReferralAccepted)], 5))
    assert found.columns == {"referred", "answered"}
    assert dict(found.figures) == {"hours.answered": 24}


def test_a_reopened_referral_does_not_count_as_completed() -> None:
    found = count(("r", [referred("c"), moved("c", ReferralCompleted), moved("c", ReferralReopened)], 0))
    assert "completed" not in found.columns
    assert "met" in found.columns


def test_a_match_without_a_venue_is_not_a_match() -> None:
    assert "matched" not in count(("m", [matched("c", venues=0)], 0)).columns
    assert "matched" in count(("m", [matched("c", venues=1)], 0)).columns


def test_a_case_stands_where_it_was_last_known_since_its_first_month() -> None:
    found = count(
        ("a", [assessed("c", departement="93", profile=Profile.FIRST_STEPS)], 0),
        ("b", [assessed("c", departement="75", profile=Profile.INTERMEDIATE, ordinal=2)], 60),
        ("r", [referred("c", departement=None, age_band=AgeBand.UNKNOWN)], 61),
    )
    assert found.place._asdict() == {
        "service": "cpam93/bobigny/accueil",
        "month": "2026-10",
        "departement": "75",
        "age_band": "60_69",
        "profile": "intermediate",
    }


def test_what_is_not_known_is_said_so() -> None:
    found = count(("a", [assessed("c", departement=None, age_band=AgeBand.UNKNOWN, profile=None)], 0))
    assert (found.place.departement, found.place.age_band, found.place.profile) == (
        UNKNOWN,
        UNKNOWN,
        NOT_PROFILED,
    )
    assert f"profile.{NOT_PROFILED}" in found.columns


def test_each_node_counts_what_its_own_subtree_did() -> None:
    facts = facts_of(
        ("a", [assessed("c", owner="cpam93/bobigny/accueil")], 0),
        ("r", [referred("c", owner="cpam93/bobigny/social")], 40),
        (
            "s",
            [referred("c", owner="cpam93/pantin"), moved("c", ReferralAccepted, owner="cpam93/pantin")],
            80,
        ),
    )
    seen = counts_of_case(facts)
    steps = {"assessed", "referred", "answered"}
    assert {node: count.columns & steps for node, count in seen.items()} == {
        "cpam93": steps,
        "cpam93/bobigny": {"assessed", "referred"},
        "cpam93/bobigny/accueil": {"assessed"},
        "cpam93/bobigny/social": {"referred"},
        "cpam93/pantin": {"referred", "answered"},
    }
    assert seen["cpam93/pantin"].place.month == "2026-12"
    assert seen["cpam93"].place.month == "2026-10"
    assert seen["cpam93"].place.service == "cpam93/bobigny/accueil"


@given(histories())
@unhurried(max_examples=60)
def test_every_column_lies_in_its_parent_and_belongs_to_a_report(stories: list[Story]) -> None:
    reported = {column.counts for report in REPORTS.values() for column in report.columns}
    figures = {column.figure for report in REPORTS.values() for column in report.columns}
    cases: dict[str, list[Fact]] = {}
    for story in stories:
        payload: Any = story.payloads[0]
        cases.setdefault(payload.case_id, []).append(fact_of(story))
    for facts in cases.values():
        for found in counts_of_case(facts).values():
            assert found.columns <= reported
            assert {name for name, _ in found.figures} <= figures
            assert all(PARENTS[column] in found.columns for column in found.columns if column in PARENTS)
            profiles = [column for column in found.columns if column.startswith("profile.")]
            assert len(profiles) == ("assessed" in found.columns)


@given(histories())
@unhurried(max_examples=60)
def test_a_figure_is_there_exactly_when_its_cases_are(stories: list[Story]) -> None:
    measured = {
        column.figure: column.counts
        for report in REPORTS.values()
        for column in report.columns
        if column.figure is not None
    }
    for story in stories:
        for found in counts_of_case([fact_of(story)]).values():
            present = {name for name, _ in found.figures}
            assert present == {figure for figure, counts in measured.items() if counts in found.columns}


def test_a_match_asked_without_a_person_counts_for_nobody() -> None:
    fact = fact_of(Story("m", (matched(None),), (MORNING,)))
    assert counts_of_case([fact]) != {}
    assert counts_of_case([fact.model_copy(update={"case": None})]) == {}
