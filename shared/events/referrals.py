"""Events of `relais.referrals`: a referral was created, then one event for each transition."""

from typing import ClassVar

from pydantic import AwareDatetime, BaseModel

from shared.bus.topics import Topic
from shared.events.payload import PUBLISHED, Departement, NodePath, Payload
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

    model_config = PUBLISHED

    services_given: tuple[str, ...] = ()
    """Services given, by their names in the national standard."""
    autonomy_after: AutonomyAfter = AutonomyAfter.NOT_SEEN
    """Autonomy at the end, as the venue saw it."""
    equipment_obtained: bool = False
    """A device was obtained."""
    connection_obtained: bool = False
    """A connection was obtained."""
    procedure_obtained: bool = False
    """The procedure went through."""
    next_step: bool = False
    """Something else is to follow."""


class _ReferralEvent(Payload):
    topic: ClassVar[Topic] = Topic.REFERRALS
    source: ClassVar[str] = "/relais/referral"

    case_id: str
    """The case, a random id."""
    owner: NodePath
    """Node of the institution that refers."""
    venue_id: str
    """The venue referred to."""
    state: ReferralState
    """State of the referral after this event."""


class ReferralCreated(_ReferralEvent):
    """A prescriber refers a person to a venue (`requested`), or hands them a slip (`handed_over`)."""

    event_type: ClassVar[str] = "fr.relais.referral.created.v1"

    kind: ReferralKind
    """How the person is sent."""
    urgency: Urgency
    """Which deadlines apply."""
    needs: tuple[Need, ...]
    """The needs to be answered."""
    departement: Departement | None
    """Where the person lives; null: not said."""
    age_band: AgeBand
    """Ten-year band of the person's age."""
    assessment_id: str | None = None
    """The assessment it follows."""
    match_id: str | None = None
    """The match the venue was chosen from."""
    replaces: str | None = None
    """The referral that this one takes over from: the person counts once."""


class ReferralMoved(_ReferralEvent):
    """The base of every transition; `previous` and `state` are the two ends of the move."""

    previous: ReferralState
    """State before."""
    by: ActorKind
    """Who moved it."""
    on_behalf_of_venue: bool = False
    """The prescriber recorded what the venue told them."""
    channel: Channel = Channel.API
    """How the answer reached us."""
    reason: ReferralReason | None = None
    """Coded reason, where the move needs one."""
    departement: Departement | None = None
    """Where the person lives, as at the creation."""


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
    """When the person is expected."""


class ReferralAttendanceRecorded(ReferralMoved):
    """Whether the person came; `seen` moves the referral to `in_progress`, others leave its state as it was."""

    event_type: ClassVar[str] = "fr.relais.referral.attendance-recorded.v1"

    attendance: Attendance
    """Whether the person came."""


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
    """What the help brought."""


class ReferralFailed(ReferralMoved):
    """It ended without help; `reason` says why."""

    event_type: ClassVar[str] = "fr.relais.referral.failed.v1"


class ReferralCancelled(ReferralMoved):
    """Stopped before its end; `wish_of` says whose wish it was."""

    event_type: ClassVar[str] = "fr.relais.referral.cancelled.v1"

    wish_of: str
    """Whose wish it was."""


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
