"""What must be on record before anything personal moves: legal basis, information given, agreement of the person.

Three records, made once with the referral and never changed. Refusing never ends help: a signpost needs the records
too, with an agreement that says no. Source: domain §6; GDPR articles 6, 7 and 13.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.referral.errors import (
    AgreementNeeded,
    NotAgreed,
    RecordInFuture,
    SignpostCarriesNothing,
)
from shared.events.vocabulary import ReferralKind
from shared.security.nir import WithoutNir

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,39}$"), WithoutNir]
"""An institution's own code for a notice or a register entry: never free text, since it is kept in clear."""

VenueId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,100}$"), WithoutNir]
"""A venue's id, as the directory gave it. Kept in clear and after an erasure: no text about a person slips in."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Basis(StrEnum):
    """Why the institution may process the data (GDPR article 6.1)."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTERESTS = "vital_interests"
    PUBLIC_TASK = "public_task"
    LEGITIMATE_INTERESTS = "legitimate_interests"


class LegalBasis(_Record):
    """The institution's basis for referring people; `register_entry` names it in its register of processing."""

    basis: Basis
    register_entry: Code


class InformationChannel(StrEnum):
    """How the person was told."""

    SPOKEN = "spoken"
    PAPER = "paper"
    POST = "post"
    ELECTRONIC = "electronic"


class InformationGiven(_Record):
    """Which notice the person was given, how and when."""

    notice_version: Code
    channel: InformationChannel
    given_at: AwareDatetime


class Purpose(StrEnum):
    """What the person may agree to, each on its own."""

    SHARE_CONTACT = "share_contact"
    SHARE_SUMMARY = "share_summary"
    SHARE_ADAPTATIONS = "share_adaptations"
    CONTACT_ME = "contact_me"
    REROUTE = "reroute"


SHARING = frozenset({Purpose.SHARE_CONTACT, Purpose.SHARE_SUMMARY, Purpose.SHARE_ADAPTATIONS})


class NamedVenue(_Record):
    """A recipient that the person knows by name."""

    venue_id: VenueId


class VenuesAround(_Record):
    """A category of recipients: any listed venue within a radius of the person's municipality, for rerouting."""

    category: Literal["listed_venue"]
    radius_km: Annotated[float, Field(gt=0, le=100)]


class AgreementMethod(StrEnum):
    """How the person said yes or no."""

    SPOKEN = "spoken"
    PAPER = "paper"
    ELECTRONIC = "electronic"
    REPRESENTATIVE = "representative"


class AgreementSaid(_Record):
    """What the person said, as it is told to us. `text_sha256` is the hash of the text they were shown, UTF-8."""

    given: bool
    purposes: Annotated[tuple[Purpose, ...], Field(max_length=len(Purpose))] = ()
    recipients: Annotated[tuple[NamedVenue | VenuesAround, ...], Field(max_length=50)] = ()
    method: AgreementMethod
    said_at: AwareDatetime
    ends_at: AwareDatetime | None = None
    text_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if len(set(self.purposes)) != len(self.purposes):
            raise ValueError("purposes names a purpose twice")
        if not self.given and (self.purposes or self.recipients or self.ends_at):
            raise ValueError("a refusal holds no purposes, recipients or ends_at")
        if self.given and not (self.purposes and self.recipients and self.ends_at):
            raise ValueError("an agreement that is given needs purposes, recipients and ends_at")
        if self.ends_at is not None and self.ends_at <= self.said_at:
            raise ValueError("ends_at must be after said_at")
        if Purpose.REROUTE in self.purposes and not self.radius_km:
            raise ValueError("reroute needs a recipient category with its radius_km")
        return self

    @property
    def radius_km(self) -> float | None:
        """How far other venues may lie, when the person agreed to a category."""
        return max((to.radius_km for to in self.recipients if isinstance(to, VenuesAround)), default=None)


class Agreement(AgreementSaid):
    """An agreement on record: what was said, and the agent who recorded it."""

    recorded_by: str
    recorded_at: AwareDatetime

    def names(self, venue_id: str) -> bool:
        """Tell whether the person agreed to this very venue."""
        return any(isinstance(to, NamedVenue) and to.venue_id == venue_id for to in self.recipients)

    def holds(self, purpose: Purpose, at: datetime) -> bool:
        """Tell whether the person's yes to a purpose stands at this time."""
        return purpose in self.purposes and self.stands(at)

    def stands(self, at: datetime) -> bool:
        """Tell whether the person said yes and it has not ended."""
        return self.given and self.ends_at is not None and at < self.ends_at


PURPOSE_OF_PART: Mapping[str, Purpose] = {
    "contact": Purpose.SHARE_CONTACT,
    "summary": Purpose.SHARE_SUMMARY,
    "adaptations": Purpose.SHARE_ADAPTATIONS,
}
"""The parts of a referral that need a purpose of their own."""


def check_may_send(
    kind: ReferralKind, venue_id: str, parts: frozenset[str], agreement: Agreement, at: datetime
) -> None:
    """Let a referral carry these personal parts to this venue.

    Raises:
        SignpostCarriesNothing: parts were given with a signpost.
        AgreementNeeded: any other kind without a standing agreement to share something with this very venue.
        NotAgreed: a part whose purpose the agreement does not hold.
        RecordInFuture: the agreement is dated ahead.
    """
    if agreement.said_at > at:
        raise RecordInFuture("agreement.said_at")
    if kind is ReferralKind.SIGNPOST:
        if parts:
            raise SignpostCarriesNothing(parts)
        return
    if not agreement.given:
        raise AgreementNeeded(kind, "they refused")
    if not agreement.stands(at):
        raise AgreementNeeded(kind, "it has ended")
    if not agreement.names(venue_id):
        raise AgreementNeeded(kind, "recipients does not name this venue")
    if SHARING.isdisjoint(agreement.purposes):
        raise AgreementNeeded(kind, "it shares nothing with the venue")
    for part, purpose in PURPOSE_OF_PART.items():
        if part in parts and not agreement.holds(purpose, at):
            raise NotAgreed(part, purpose.value)
