"""Histories of cases, as events: what the other services would publish."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from services.statistics.cube import Cube
from services.statistics.desk import ReportDesk
from services.statistics.handlers import MOVES
from services.statistics.ledger import Decide
from services.statistics.model import decide_assessment, decide_creation, decide_match, decide_move
from services.statistics.tables import Table
from shared.events.assessments import (
    AssessmentCompleted,
    AssessmentFacts,
    AssessmentRevised,
    RetainedNeed,
    Scores,
)
from shared.events.envelope import Event
from shared.events.matches import MatchCompleted, NeedCoverage
from shared.events.payload import Payload
from shared.events.referrals import (
    Outcome,
    ReferralAccepted,
    ReferralAcknowledged,
    ReferralAttendanceRecorded,
    ReferralCancelled,
    ReferralCompleted,
    ReferralCorrected,
    ReferralCreated,
    ReferralDeclined,
    ReferralExpired,
    ReferralFailed,
    ReferralHeld,
    ReferralLapsed,
    ReferralMoved,
    ReferralReopened,
    ReferralScheduled,
    ReferralStarted,
    ReferralWaitlisted,
)
from shared.events.vocabulary import (
    ActorKind,
    AgeBand,
    Attendance,
    Coverage,
    Need,
    Profile,
    ReferralKind,
    ReferralReason,
    ReferralState,
    Urgency,
)
from shared.store.port import Document
from tests.support.clock import ManualClock

unhurried = partial(settings, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Settings of a property: how many examples, and no clock, because the machine may be busy."""

MORNING = datetime(2026, 10, 5, 9, 0, tzinfo=UTC)
ACCUEIL = "cpam93/bobigny/accueil"

DECIDE: dict[type[Payload], Decide] = {
    AssessmentCompleted: decide_assessment,
    AssessmentRevised: decide_assessment,
    MatchCompleted: decide_match,
    ReferralCreated: decide_creation,
    **dict.fromkeys(MOVES, decide_move),
}


class Told(Document):
    """An aggregate of another service, as far as statistics can tell: the events it publishes."""

    kind: ClassVar[str] = "told"


class AskedDesk:
    """A report desk for tests that are not asynchronous."""

    def __init__(self, cube: Cube, now: datetime) -> None:
        self._desk = ReportDesk(cube, ManualClock(now))

    def own(self, *asked: Any) -> Table:
        """Ask for exact figures."""
        return asyncio.run(self._desk.own(*asked))

    def published(self, *asked: Any) -> Table:
        """Ask for published figures."""
        return asyncio.run(self._desk.published(*asked))


@dataclass(frozen=True)
class Story:
    """The events of one aggregate, in order, with the time of each."""

    aggregate_id: str
    payloads: tuple[Payload, ...]
    times: tuple[datetime, ...]

    @property
    def events(self) -> list[Event[Any]]:
        """Return them as they would be received."""
        return [
            an_event(self.aggregate_id, sequence, payload, at)
            for sequence, (payload, at) in enumerate(zip(self.payloads, self.times, strict=True), start=1)
        ]


def an_event(aggregate_id: str, sequence: int, payload: Payload, at: datetime = MORNING) -> Event[Any]:
    """Return a received event."""
    return Event(
        id=f"{aggregate_id}:{sequence}",
        type=payload.event_type,
        source=payload.source,
        aggregate_id=aggregate_id,
        sequence=sequence,
        time=at,
        data=payload,
    )


def assessed(
    case_id: str, *, owner: str = ACCUEIL, kind: type[Any] = AssessmentCompleted, **facts: Any
) -> Any:
    """Return an assessment's event; a full first one unless told otherwise."""
    values: dict[str, Any] = {
        "departement": "93",
        "age_band": AgeBand.FROM_60,
        "depth": "full",
        "questionnaire": "relais",
        "questionnaire_version": "2026-1",
        "profile": Profile.FIRST_STEPS,
        "needs": (RetainedNeed(need=Need.BASIC_SKILLS, priority=1),),
        "scores": Scores(access=20, skills=30, autonomy=10),
        "confidence": 80,
        "ordinal": 1,
    }
    return kind(case_id=case_id, owner=owner, facts=AssessmentFacts(**values | facts), sealed="AAAA")


def matched(case_id: str | None, *, owner: str = ACCUEIL, venues: int = 3) -> MatchCompleted:
    """Return a match's event."""
    return MatchCompleted(
        owner=owner,
        cause="assessment",
        case_id=case_id,
        departement="93",
        needs=(NeedCoverage(need=Need.BASIC_SKILLS, coverage=Coverage.COVERED),),
        venue_ids=tuple(f"venue-{number}" for number in range(venues)),
        index_revision=1,
    )


def referred(case_id: str, *, owner: str = ACCUEIL, **changes: Any) -> ReferralCreated:
    """Return a referral's first event."""
    values: dict[str, Any] = {
        "venue_id": "venue-1",
        "state": ReferralState.REQUESTED,
        "kind": ReferralKind.INDIVIDUAL,
        "urgency": Urgency.STANDARD,
        "needs": (Need.BASIC_SKILLS,),
        "departement": "93",
        "age_band": AgeBand.FROM_60,
    }
    return ReferralCreated(case_id=case_id, owner=owner, **values | changes)


STATE = {
    ReferralAcknowledged: ReferralState.ACKNOWLEDGED,
    ReferralWaitlisted: ReferralState.WAITLISTED,
    ReferralAccepted: ReferralState.ACCEPTED,
    ReferralDeclined: ReferralState.DECLINED,
    ReferralScheduled: ReferralState.SCHEDULED,
    ReferralAttendanceRecorded: ReferralState.IN_PROGRESS,
    ReferralStarted: ReferralState.IN_PROGRESS,
    ReferralHeld: ReferralState.ON_HOLD,
    ReferralCompleted: ReferralState.COMPLETED,
    ReferralFailed: ReferralState.FAILED,
    ReferralCancelled: ReferralState.CANCELLED,
    ReferralExpired: ReferralState.EXPIRED,
    ReferralLapsed: ReferralState.LAPSED,
    ReferralReopened: ReferralState.IN_PROGRESS,
    ReferralCorrected: ReferralState.ENTERED_IN_ERROR,
}


def moved(case_id: str, move: type[ReferralMoved], *, owner: str = ACCUEIL, **changes: Any) -> ReferralMoved:
    """Return the event of a transition."""
    values: dict[str, Any] = {
        "venue_id": "venue-1",
        "previous": ReferralState.REQUESTED,
        "state": STATE[move],
        "by": ActorKind.PARTNER,
    }
    if move is ReferralCompleted:
        values["outcome"] = Outcome()
    if move is ReferralScheduled:
        values["appointment_at"] = MORNING
    if move is ReferralAttendanceRecorded:
        values["attendance"] = Attendance.SEEN
    if move is ReferralCancelled:
        values["wish_of"] = "person"
    return move(case_id=case_id, owner=owner, **values | changes)


WALKS: tuple[tuple[type[ReferralMoved], ...], ...] = (
    (),
    (
        ReferralAcknowledged,
        ReferralAccepted,
        ReferralScheduled,
        ReferralAttendanceRecorded,
        ReferralCompleted,
    ),
    (ReferralWaitlisted, ReferralAccepted, ReferralHeld, ReferralCompleted),
    (ReferralDeclined,),
    (ReferralDeclined, ReferralReopened, ReferralCompleted),
    (ReferralAccepted, ReferralFailed),
    (ReferralStarted, ReferralCompleted, ReferralReopened, ReferralFailed),
    (ReferralAcknowledged, ReferralExpired),
    (ReferralAccepted, ReferralCancelled),
    (ReferralCompleted, ReferralCorrected),
    (ReferralLapsed,),
)
OWNERS = (ACCUEIL, "cpam93/bobigny/social", "cpam93/pantin/accueil", "cnav/paris/action", "cnav")


@st.composite
def stories_of_case(draw: st.DrawFn, number: int) -> list[Story]:
    """Draw the aggregates of one case of one institution."""
    case_id, institution = f"case-{number}", draw(st.sampled_from(["cpam93", "cnav"]))
    owners = st.sampled_from([owner for owner in OWNERS if owner.split("/")[0] == institution])
    start = MORNING + timedelta(days=draw(st.integers(0, 200)))
    stories: list[Story] = []

    def tell(name: str, payloads: Sequence[Payload]) -> None:
        first = start + timedelta(hours=draw(st.integers(0, 2_000)))
        times = tuple(first + timedelta(hours=30 * step) for step in range(len(payloads)))
        stories.append(Story(f"{case_id}-{name}", tuple(payloads), times))

    for ordinal in range(1, draw(st.integers(0, 3)) + 1):
        facts = {
            "ordinal": ordinal,
            "departement": draw(st.sampled_from([None, "93", "75"])),
            "profile": draw(st.sampled_from([None, Profile.FIRST_STEPS, Profile.INTERMEDIATE])),
            "first_scores": Scores(access=1, skills=2, autonomy=3) if ordinal > 1 else None,
        }
        owner = draw(owners)
        told = [assessed(case_id, owner=owner, **facts)]
        if draw(st.booleans()):
            told.append(
                assessed(case_id, owner=owner, kind=AssessmentRevised, **facts | {"departement": "2A"})
            )
        tell(f"assessment-{ordinal}", told)
    if draw(st.booleans()):
        tell("match", [matched(case_id, owner=draw(owners), venues=draw(st.integers(0, 3)))])
    for ordinal in range(draw(st.integers(0, 2))):
        owner, reason = draw(owners), draw(st.sampled_from([None, *ReferralReason]))
        walk = draw(st.sampled_from(WALKS))
        moves = [moved(case_id, move, owner=owner, reason=reason) for move in walk]
        tell(f"referral-{ordinal}", [referred(case_id, owner=owner), *moves])
    return stories


@st.composite
def histories(draw: st.DrawFn) -> list[Story]:
    """Draw the aggregates of a few cases."""
    return [story for number in range(draw(st.integers(1, 4))) for story in draw(stories_of_case(number))]


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Story], list[Event[Any]]]:
    """Draw a history, and its events as a bus may bring them: in order for each aggregate, with repeats."""
    stories = draw(histories())
    rng = draw(st.randoms(use_true_random=False))
    waiting = [(story.events, 0) for story in stories]
    brought: list[Event[Any]] = []
    while waiting:
        position = rng.randrange(len(waiting))
        events, done = waiting[position]
        if done and rng.random() < 0.3:
            again = rng.randrange(done)  # a position that was not committed: all from there comes again
            brought.extend(events[again:done])
            continue
        brought.append(events[done])
        waiting[position] = (events, done + 1)
        if done + 1 == len(events):
            del waiting[position]
    return stories, brought
