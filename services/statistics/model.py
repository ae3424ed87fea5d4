"""Facts: what statistics keep of one aggregate, decided from its events one at a time.

A fact holds the last event it has seen; an event that is not above it changes nothing, so repeats are harmless.
`case` is a pseudonym (`pseudonyms.py`), never the case id; after an erasure it is a random group that leads nowhere.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.errors import RelaisError
from shared.events.assessments import AssessmentCompleted, AssessmentFacts, AssessmentRevised
from shared.events.envelope import Event
from shared.events.matches import MatchCompleted, NeedCoverage
from shared.events.payload import Payload
from shared.events.referrals import (
    Outcome,
    ReferralAccepted,
    ReferralAttendanceRecorded,
    ReferralCancelled,
    ReferralCompleted,
    ReferralCreated,
    ReferralDeclined,
    ReferralFailed,
    ReferralMoved,
    ReferralReopened,
    ReferralScheduled,
    ReferralStarted,
    ReferralWaitlisted,
)
from shared.events.vocabulary import (
    AgeBand,
    Attendance,
    Need,
    ReferralKind,
    ReferralReason,
    ReferralState,
    Urgency,
)
from shared.security.caller import Owner
from shared.store.port import Document, Index


class StatisticsError(RelaisError):
    """The base of what statistics may refuse."""


class CreationMissing(StatisticsError):
    """A transition of a referral whose creation was never seen: it waits among the dead letters for a redrive."""

    def __init__(self, referral_id: str) -> None:
        super().__init__(
            f"Referral {referral_id} moved, but its creation was not received; redrive that first."
        )


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class AssessmentFact(_Part):
    """An assessment; `completed_at` is when it was first retained, `facts` what is retained now."""

    aggregate: Literal["assessment"] = "assessment"
    completed_at: AwareDatetime
    facts: AssessmentFacts

    @property
    def began_at(self) -> datetime:
        """When it entered the counts."""
        return self.completed_at


class MatchFact(_Part):
    """A search for venues; `venues` is how many were proposed."""

    aggregate: Literal["match"] = "match"
    completed_at: AwareDatetime
    cause: Literal["assessment", "request"]
    departement: str | None
    needs: tuple[NeedCoverage, ...]
    venues: int

    @property
    def began_at(self) -> datetime:
        """When it entered the counts."""
        return self.completed_at


class Ending(_Part):
    """Why a referral did not go through."""

    state: ReferralState
    reason: ReferralReason


class ReferralFact(_Part):
    """A referral, with the first time each step was reached; a later step implies those before it.

    `completed_at` is empty again once the referral is reopened. `endings` keeps each (state, reason) once, also of
    what was reopened since.
    """

    aggregate: Literal["referral"] = "referral"
    created_at: AwareDatetime
    state: ReferralState
    venue_id: str
    kind: ReferralKind
    urgency: Urgency
    needs: tuple[Need, ...]
    departement: str | None
    age_band: AgeBand
    assessment_id: str | None
    match_id: str | None
    replaces: str | None
    answered_at: AwareDatetime | None = None
    met_at: AwareDatetime | None = None
    completed_at: AwareDatetime | None = None
    endings: tuple[Ending, ...] = ()
    outcome: Outcome | None = None

    @property
    def began_at(self) -> datetime:
        """When it entered the counts."""
        return self.created_at


class Fact(Document):
    """What is kept of one aggregate; its id is the aggregate's."""

    kind: ClassVar[str] = "facts"
    indexes: ClassVar[tuple[Index, ...]] = (Index("by_case", ("case",)),)

    owner: Owner
    case: str | None
    last_event: int
    about: Annotated[AssessmentFact | MatchFact | ReferralFact, Field(discriminator="aggregate")]

    @property
    def counted(self) -> bool:
        """Tell whether it may be counted: it belongs to a case, and was not entered in error."""
        in_error = isinstance(self.about, ReferralFact) and self.about.state is ReferralState.ENTERED_IN_ERROR
        return self.case is not None and not in_error


class UnlinkedCase(Document):
    """An erased case, by its pseudonym. `group` is set only while its facts are being moved to that group.

    It stays so that an event that arrives late is unlinked too; no fact leads to it.
    """

    kind: ClassVar[str] = "unlinked_cases"

    group: str | None


def is_repeat(fact: Fact | None, event: Event[Payload]) -> bool:
    """Tell whether a fact has seen this event, or a later one of its aggregate."""
    return fact is not None and event.sequence <= fact.last_event


def decide_assessment(
    fact: Fact | None, event: Event[AssessmentCompleted] | Event[AssessmentRevised], case: str | None
) -> Fact:
    """Take what is retained now; the first time stays."""
    if fact is None or not isinstance(fact.about, AssessmentFact):
        return _new(
            event, event.data.owner, case, AssessmentFact(completed_at=event.time, facts=event.data.facts)
        )
    return _seen(fact, event, fact.about.model_copy(update={"facts": event.data.facts}))


def decide_match(_fact: Fact | None, event: Event[MatchCompleted], case: str | None) -> Fact:
    """Keep what was found."""
    match = MatchFact(
        completed_at=event.time,
        cause=event.data.cause,
        departement=event.data.departement,
        needs=event.data.needs,
        venues=len(event.data.venue_ids),
    )
    return _new(event, event.data.owner, case, match)


def decide_creation(_fact: Fact | None, event: Event[ReferralCreated], case: str | None) -> Fact:
    """Begin a referral."""
    created = event.data
    referral = ReferralFact(
        created_at=event.time,
        state=created.state,
        venue_id=created.venue_id,
        kind=created.kind,
        urgency=created.urgency,
        needs=created.needs,
        departement=created.departement,
        age_band=created.age_band,
        assessment_id=created.assessment_id,
        match_id=created.match_id,
        replaces=created.replaces,
    )
    return _new(event, created.owner, case, referral)


_REACHES: Mapping[type[ReferralMoved], tuple[str, ...]] = {
    ReferralWaitlisted: ("answered_at",),
    ReferralAccepted: ("answered_at",),
    ReferralDeclined: ("answered_at",),
    ReferralScheduled: ("answered_at",),
    ReferralStarted: ("answered_at", "met_at"),
    ReferralCompleted: ("answered_at", "met_at", "completed_at"),
}
"""The steps that a move shows to be reached. That the venue has seen a referral is not an answer."""

_ENDS_WITHOUT_HELP = (ReferralDeclined, ReferralFailed, ReferralCancelled)


def decide_move(fact: Fact | None, event: Event[ReferralMoved], _case: str | None) -> Fact:
    """Move a referral.

    Raises:
        CreationMissing: its creation was never seen.
    """
    if fact is None or not isinstance(fact.about, ReferralFact):
        raise CreationMissing(event.aggregate_id)
    move, referral = event.data, fact.about
    reached = _REACHES.get(type(move), ())
    if isinstance(move, ReferralAttendanceRecorded) and move.attendance is Attendance.SEEN:
        reached = ("answered_at", "met_at")
    changes: dict[str, object] = {step: event.time for step in reached if getattr(referral, step) is None}
    changes["state"] = move.state
    if isinstance(move, _ENDS_WITHOUT_HELP) and move.reason is not None:
        ending = Ending(state=move.state, reason=move.reason)
        changes["endings"] = (*(known for known in referral.endings if known != ending), ending)
    if isinstance(move, ReferralCompleted):
        changes["outcome"] = move.outcome
    if isinstance(move, ReferralReopened):
        changes |= {"completed_at": None, "outcome": None}
    return _seen(fact, event, referral.model_copy(update=changes))


def _new(
    event: Event[Payload], owner: str, case: str | None, about: AssessmentFact | MatchFact | ReferralFact
) -> Fact:
    return Fact(
        id=event.aggregate_id,
        created_at=event.time,
        owner=Owner.of(owner),
        case=case,
        last_event=event.sequence,
        about=about,
    )


def _seen(fact: Fact, event: Event[Payload], about: AssessmentFact | ReferralFact) -> Fact:
    return fact.model_copy(update={"about": about, "last_event": event.sequence})
