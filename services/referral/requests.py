"""What callers send: the bodies of creation and of each command, and the filters of lists. Unknown fields are refused."""

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.referral.agreement import AgreementSaid, InformationGiven, LegalBasis, VenueId
from services.referral.orders import Appointment, AppointmentMode, Told, WishOf
from services.referral.outcomes import OutcomeSaid
from services.referral.parts import PersonalParts
from shared.events.payload import Departement
from shared.events.vocabulary import (
    AgeBand,
    Attendance,
    Channel,
    Modality,
    Need,
    ReferralKind,
    ReferralReason,
    ReferralState,
    Urgency,
)
from shared.http.paging import PageQuery
from shared.security.nir import FreeText, ShortText, WithoutNir

OpaqueId = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"),
]
"""An id that Relais made: a UUID, so that no text about a person slips into an event."""

ClientReference = Annotated[
    str, StringConstraints(pattern=r"^[\x21-\x7e]([\x20-\x7e]{0,62}[\x21-\x7e])?$"), WithoutNir
]
"""The institution's own name for a referral: 1 to 64 visible ASCII characters.

Identifiers are exempt from the refusal of social-security numbers, but this one is typed from the institution's files, where such
a number is the likeliest name of all: refused here too, at the price of a few long numeric references.
"""

Note = Annotated[FreeText, Field(min_length=1)]


class CreateReferral(PersonalParts):
    """A prescriber refers a person to a venue, with the three records; personal parts only as far as agreed."""

    case_id: OpaqueId | None = None
    client_reference: ClientReference | None = None
    kind: ReferralKind
    venue_id: VenueId
    needs: Annotated[tuple[Need, ...], Field(min_length=1, max_length=len(Need))]
    modality: Modality | None = None
    urgency: Urgency = Urgency.STANDARD
    departement: Departement | None = None
    age_band: AgeBand = AgeBand.UNKNOWN
    assessment_id: OpaqueId | None = None
    match_id: OpaqueId | None = None
    legal_basis: LegalBasis
    information_given: InformationGiven
    agreement: AgreementSaid

    @model_validator(mode="after")
    def _needs_are_distinct(self) -> Self:
        if len(set(self.needs)) != len(self.needs):
            raise ValueError("needs names a need twice")
        return self


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CommandBody(_Body):
    """What every command may say: a note, sealed; and, from a prescriber, that a venue's answer is typed in."""

    on_behalf_of: Literal["venue"] | None = None
    channel: Literal[Channel.PHONE, Channel.POST, Channel.COUNTER] | None = None
    note: Note | None = None

    @model_validator(mode="after")
    def _channel_goes_with_venue(self) -> Self:
        if (self.on_behalf_of is None) != (self.channel is None):
            raise ValueError(
                "on_behalf_of venue and channel (phone, post or counter) go together: give both, or neither"
            )
        return self

    @property
    def told(self) -> Told:
        """The countable facts."""
        return Told()

    @property
    def confided_place(self) -> str | None:
        """The place of an appointment, still in plain."""
        return None


class ReasonBody(CommandBody):
    """Decline, hold, fail, correct: a coded reason; `other` needs a note."""

    reason: ReferralReason

    @property
    def told(self) -> Told:
        """The reason."""
        return Told(reason=self.reason)


class CancelBody(ReasonBody):
    """Cancel: also whose wish it is."""

    wish_of: WishOf

    @property
    def told(self) -> Told:
        """The reason and whose wish."""
        return Told(reason=self.reason, wish_of=self.wish_of)


class AppointmentSaid(_Body):
    """An appointment; `place` (address, room, link) is kept sealed."""

    at: AwareDatetime
    mode: AppointmentMode = AppointmentMode.ON_SITE
    minutes: Annotated[int, Field(ge=5, le=600)] | None = None
    place: Annotated[ShortText, Field(min_length=1)] | None = None


class ScheduleBody(CommandBody):
    """Set or move the appointment."""

    appointment: AppointmentSaid

    @property
    def told(self) -> Told:
        """When and how."""
        return Told(appointment=Appointment.model_validate(self.appointment.model_dump(exclude={"place"})))

    @property
    def confided_place(self) -> str | None:
        """Where."""
        return self.appointment.place


class AttendanceBody(CommandBody):
    """Whether the person came."""

    attendance: Attendance

    @property
    def told(self) -> Told:
        """The attendance."""
        return Told(attendance=self.attendance)


class CompleteBody(CommandBody):
    """What the help brought."""

    outcome: OutcomeSaid

    @property
    def told(self) -> Told:
        """The outcome."""
        return Told(outcome=self.outcome.as_told())


class ReopenBody(CommandBody):
    """Open again, with a note that says why."""

    note: Note
    to: Literal[ReferralState.REQUESTED, ReferralState.IN_PROGRESS]

    @property
    def told(self) -> Told:
        """Where it starts again."""
        return Told(to=self.to)


class ReferralsQuery(PageQuery):
    """The filters of a prescriber's list. `case_id` and `client_reference` find all at once: no `after` with them."""

    state: ReferralState | None = None
    venue_id: VenueId | None = None
    case_id: OpaqueId | None = None
    client_reference: ClientReference | None = None

    @model_validator(mode="after")
    def _found_at_once(self) -> Self:
        if self.after is not None and (self.case_id or self.client_reference):
            raise ValueError("with case_id or client_reference all is found at once: leave after out")
        return self


class VenueReferralsQuery(PageQuery):
    """The filters of a venue's list. `venue_id` may be left out by a client that answers for one venue only."""

    state: ReferralState | None = None
    venue_id: VenueId | None = None
