"""What each event does to a fact."""

from datetime import timedelta
from typing import Any

import pytest

from services.statistics.handlers import table
from services.statistics.model import (
    AssessmentFact,
    CreationMissing,
    Fact,
    ReferralFact,
    decide_assessment,
    decide_creation,
    decide_match,
    decide_move,
    is_repeat,
)
from shared.bus.topics import Topic
from shared.events.assessments import AssessmentRevised
from shared.events.catalogue import CATALOGUE
from shared.events.referrals import (
    Outcome,
    ReferralAccepted,
    ReferralAcknowledged,
    ReferralAttendanceRecorded,
    ReferralCompleted,
    ReferralCorrected,
    ReferralCreated,
    ReferralDeclined,
    ReferralFailed,
    ReferralMoved,
    ReferralReopened,
    ReferralScheduled,
    ReferralStarted,
    ReferralWaitlisted,
)
from shared.events.vocabulary import Attendance, Profile, ReferralReason, ReferralState
from tests.statistics.history import ACCUEIL, MORNING, an_event, assessed, matched, moved, referred

HOUR = timedelta(hours=1)


def after(*moves: ReferralMoved) -> ReferralFact:
    """Return a referral created at MORNING, with one move an hour."""
    fact = decide_creation(None, an_event("r", 1, referred("c")), "pseudonym")
    for number, move in enumerate(moves, start=1):
        fact = decide_move(fact, an_event("r", number + 1, move, MORNING + number * HOUR), "pseudonym")
    assert isinstance(fact.about, ReferralFact)
    assert fact.last_event == len(moves) + 1
    return fact.about


def test_a_fact_holds_the_pseudonym_and_owner_and_never_the_case_id() -> None:
    fact = decide_assessment(None, an_event("a", 1, assessed("case-secret")), "pseudonym")
    assert (fact.id, fact.case, fact.owner.node, fact.last_event) == ("a", "pseudonym", ACCUEIL, 1)
    assert "case-secret" not in fact.model_dump_json()


def test_a_revision_changes_what_is_counted_but_not_when() -> None:
    first = decide_assessment(None, an_event("a", 1, assessed("c")), "p")
    revision = assessed("c", kind=AssessmentRevised, profile=Profile.INTERMEDIATE)
    fact = decide_assessment(first, an_event("a", 2, revision, MORNING + HOUR), "p")
    assert isinstance(fact.about, AssessmentFact)
    assert fact.about.facts.profile is Profile.INTERMEDIATE
    assert fact.about.completed_at == MORNING


def test_a_match_without_a_case_is_kept_but_not_counted() -> None:
    fact = decide_match(None, an_event("m", 1, matched(None)), None)
    assert not fact.counted


@pytest.mark.parametrize(
    ("move", "answered", "met", "completed"),
    [
        (ReferralAcknowledged, False, False, False),
        (ReferralWaitlisted, True, False, False),
        (ReferralDeclined, True, False, False),
        (ReferralAccepted, True, False, False),
        (ReferralScheduled, True, False, False),
        (ReferralStarted, True, True, False),
        (ReferralAttendanceRecorded, True, True, False),
        (ReferralCompleted, True, True, True),
        (ReferralFailed, False, False, False),
    ],
)
def test_a_move_reaches_its_steps_and_those_before(
    move: type[ReferralMoved], answered: bool, met: bool, completed: bool
) -> None:
    fact = after(moved("c", move))
    reached = (fact.answered_at, fact.met_at, fact.completed_at)
    assert [time is not None for time in reached] == [answered, met, completed]
    assert {time for time in reached if time is not None} <= {MORNING + HOUR}


def test_a_missed_appointment_is_not_a_meeting() -> None:
    fact = after(moved("c", ReferralAttendanceRecorded, attendance=Attendance.NO_SHOW))
    assert fact.met_at is None


def test_the_first_time_of_a_step_stays() -> None:
    fact = after(moved("c", ReferralAccepted), moved("c", ReferralScheduled), moved("c", ReferralStarted))
    assert (fact.answered_at, fact.met_at) == (MORNING + HOUR, MORNING + 3 * HOUR)


def test_a_reopened_referral_is_no_longer_completed_but_was_answered_and_met() -> None:
    outcome = Outcome(equipment_obtained=True)
    done = after(moved("c", ReferralCompleted, outcome=outcome))
    assert done.outcome == outcome
    fact = after(moved("c", ReferralCompleted, outcome=outcome), moved("c", ReferralReopened))
    assert (fact.completed_at, fact.outcome) == (None, None)
    assert (fact.answered_at, fact.met_at) == (MORNING + HOUR, MORNING + HOUR)


def test_each_reason_of_an_ending_is_kept_once() -> None:
    declined = moved("c", ReferralDeclined, reason=ReferralReason.NO_CAPACITY)
    failed = moved("c", ReferralFailed, reason=ReferralReason.NO_SHOW)
    fact = after(declined, moved("c", ReferralReopened), declined, moved("c", ReferralReopened), failed)
    assert {(ending.state, ending.reason) for ending in fact.endings} == {
        (ReferralState.DECLINED, ReferralReason.NO_CAPACITY),
        (ReferralState.FAILED, ReferralReason.NO_SHOW),
    }
    assert len(fact.endings) == 2


def test_what_was_entered_in_error_is_not_counted() -> None:
    fact = decide_creation(None, an_event("r", 1, referred("c")), "p")
    assert fact.counted
    assert not decide_move(fact, an_event("r", 2, moved("c", ReferralCorrected)), "p").counted


def test_a_move_of_an_unknown_referral_waits_for_its_creation() -> None:
    with pytest.raises(CreationMissing, match="Referral r moved"):
        decide_move(None, an_event("r", 2, moved("c", ReferralAccepted)), "p")


@pytest.mark.parametrize(("sequence", "repeat"), [(1, True), (2, True), (3, False)])
def test_only_a_later_event_is_news(sequence: int, repeat: bool) -> None:
    fact: Fact = decide_creation(None, an_event("r", 2, referred("c")), "p")
    event: Any = an_event("r", sequence, moved("c", ReferralAccepted))
    assert is_repeat(fact, event) is repeat
    assert not is_repeat(None, event)


def test_every_event_of_referrals_is_listened_to() -> None:
    listened = set(table(None, None))  # type: ignore[arg-type]  # the table only
    assert set(CATALOGUE[Topic.REFERRALS]) | set(CATALOGUE[Topic.ASSESSMENTS]) <= listened
    assert ReferralCreated in listened
