"""What a command to a referral says: who acts, the countable facts, and the personal part, sealed."""

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict

from services.referral.transitions import Command, Fact, Move
from shared.events.referrals import Outcome
from shared.events.vocabulary import ActorKind, Attendance, Channel, ReferralReason, ReferralState


class Value(BaseModel):
    """A part of a stored referral."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class WishOf(StrEnum):
    """Whose wish a cancellation was."""

    PERSON = "person"
    PRESCRIBER = "prescriber"
    VENUE = "venue"


class AppointmentMode(StrEnum):
    """Where the person and the venue meet."""

    ON_SITE = "on_site"
    PHONE = "phone"
    VIDEO = "video"
    HOME = "home"


class Appointment(Value):
    """When and how they meet; `place` (an address, a room, a link) is sealed apart."""

    at: AwareDatetime
    mode: AppointmentMode = AppointmentMode.ON_SITE
    minutes: int | None = None


class Actor(Value):
    """Who acts. `agent` and `service` are None for the clock and the system."""

    kind: ActorKind
    agent: str | None = None
    service: str | None = None
    on_behalf_of_venue: bool = False
    channel: Channel = Channel.API

    @property
    def role(self) -> ActorKind:
        """The rights used: a prescriber who types in a venue's answer acts with the venue's."""
        return ActorKind.PARTNER if self.on_behalf_of_venue else self.kind


class Told(Value):
    """The countable facts of a command."""

    reason: ReferralReason | None = None
    appointment: Appointment | None = None
    attendance: Attendance | None = None
    outcome: Outcome | None = None
    wish_of: WishOf | None = None
    to: ReferralState | None = None


class Confided(Value):
    """The personal part of a command, sealed. `digest` is a keyed hash by which a repeat is recognised unopened."""

    note: str | None = None
    place: str | None = None
    digest: str | None = None


class Order(Value):
    """One command to a referral."""

    command: Command
    actor: Actor
    at: AwareDatetime
    told: Told = Told()
    confided: Confided = Confided()

    def missing(self, move: Move) -> set[Fact]:
        """The facts that a move needs and this order does not tell."""
        known = {
            Fact.REASON: self.told.reason,
            Fact.APPOINTMENT: self.told.appointment,
            Fact.ATTENDANCE: self.told.attendance,
            Fact.OUTCOME: self.told.outcome,
            Fact.WISH_OF: self.told.wish_of,
            Fact.TO: self.told.to,
            Fact.NOTE: self.confided.note,
        }
        return {fact for fact in move.needs if known[fact] is None}


class Step(Value):
    """One line of a referral's history."""

    at: AwareDatetime
    command: Command
    previous: ReferralState | None
    state: ReferralState
    actor: Actor
    told: Told = Told()
    confided: Confided = Confided()
