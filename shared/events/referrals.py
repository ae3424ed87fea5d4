"""Events of `relais.referrals`: a referral was created, then one event for each transition."""

from typing import ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

from shared.bus.topics import Topic
from shared.events.payload import Departement, NodePath, Payload
from shared.events.vocabulary import (
    ActorKind,
    AgeBand,
    Attendance,
    AutonomyAfter,
    Channel,
    Need,
    ReferralKind,
    ReferralReason,
    ReferralState,
    Urgency,
)


class Outcome(BaseModel):
    """What a completed referral brought. `services_given` uses the national standard's names, verbatim."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    services_given: tuple[str, ...] = ()
    autonomy_after: AutonomyAfter = AutonomyAfter.NOT_SEEN
    equipment_obtained: bool = False
    connection_obtained: bool = False
    procedure_obtained: bool = False
    next_step: bool = False


class _ReferralEvent(Payload):
    topic: ClassVar[Topic] = Topic.REFERRALS
    source: ClassVar[str] = "/relais/referral"

    case_id: str
    owner: NodePath
    venue_id: str
    state: ReferralState


class ReferralCreated(_ReferralEvent):
    """A prescriber refers a person to a venue (`requested`), or hands them a slip (`handed_over`)."""

    event_type: ClassVar[str] = "fr.relais.referral.created.v1"

    kind: ReferralKind
    urgency: Urgency
    needs: tuple[Need, ...]
    departement: Departement | None
    age_band: AgeBand
    assessment_id: str | None = None
    match_id: str | None = None
    replaces: str | None = None


class ReferralMoved(_ReferralEvent):
    """The base of every transition; `previous` and `state` are the two ends of the move."""

    previous: ReferralState
    by: ActorKind
    on_behalf_of_venue: bool = False
    channel: Channel = Channel.API
    reason: ReferralReason | None = None


class ReferralAcknowledged(ReferralMoved):
    """The venue has seen it."""

    event_type: ClassVar[str] = "fr.relais.referral.acknowledged.v1"


class ReferralWaitlisted(ReferralMoved):
    """The venue put the person on its waiting list."""

    event_type: ClassVar[str] = "fr.relais.referral.waitlisted.v1"


class ReferralAccepted(ReferralMoved):
    """The venue takes the person."""

    event_type: ClassVar[str] = "fr.relais.referral.accepted.v1"


class ReferralDeclined(ReferralMoved):
    """The venue does not take the person; `reason` says why."""

    event_type: ClassVar[str] = "fr.relais.referral.declined.v1"


class ReferralScheduled(ReferralMoved):
    """An appointment was set or moved. Its place and contact stay in the referral."""

    event_type: ClassVar[str] = "fr.relais.referral.scheduled.v1"

    appointment_at: AwareDatetime


class ReferralAttendanceRecorded(ReferralMoved):
    """Whether the person came; `seen` moves the referral to `in_progress`, others leave its state as it was."""

    event_type: ClassVar[str] = "fr.relais.referral.attendance-recorded.v1"

    attendance: Attendance


class ReferralStarted(ReferralMoved):
    """The person came: help has begun."""

    event_type: ClassVar[str] = "fr.relais.referral.started.v1"


class ReferralHeld(ReferralMoved):
    """Paused; `reason` says why."""

    event_type: ClassVar[str] = "fr.relais.referral.held.v1"


class ReferralCompleted(ReferralMoved):
    """Help was given."""

    event_type: ClassVar[str] = "fr.relais.referral.completed.v1"

    outcome: Outcome


class ReferralFailed(ReferralMoved):
    """It ended without help; `reason` says why."""

    event_type: ClassVar[str] = "fr.relais.referral.failed.v1"


class ReferralCancelled(ReferralMoved):
    """Stopped before its end; `wish_of` says whose wish it was."""

    event_type: ClassVar[str] = "fr.relais.referral.cancelled.v1"

    wish_of: str


class ReferralExpired(ReferralMoved):
    """No answer in time."""

    event_type: ClassVar[str] = "fr.relais.referral.expired.v1"


class ReferralLapsed(ReferralMoved):
    """A slip that nobody used for 60 days."""

    event_type: ClassVar[str] = "fr.relais.referral.lapsed.v1"


class ReferralReopened(ReferralMoved):
    """A prescriber opened a closed referral again, within 30 days."""

    event_type: ClassVar[str] = "fr.relais.referral.reopened.v1"


class ReferralCorrected(ReferralMoved):
    """Entered in error: it must no longer be counted."""

    event_type: ClassVar[str] = "fr.relais.referral.entered-in-error.v1"
