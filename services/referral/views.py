"""What each reader is shown of a referral: the prescriber's side all, the venue's side what it may know by now."""

from datetime import datetime

from pydantic import AwareDatetime, BaseModel

from services.referral.agreement import PURPOSE_OF_PART, Agreement, InformationGiven, LegalBasis
from services.referral.case import Case, CaseState
from services.referral.model import Referral
from services.referral.orders import Appointment, Step, WishOf
from services.referral.parts import PersonalParts
from services.referral.transitions import ACKNOWLEDGED, REQUESTED, WAITLISTED, Command
from services.referral.venue import ReachedBy, Venue
from shared.events.referrals import Outcome
from shared.events.vocabulary import (
    ActorKind,
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

BEFORE_ACCEPTANCE = frozenset({"municipality", "availability", "adaptations"})
ONCE_TAKEN = BEFORE_ACCEPTANCE | {"contact", "summary"}
"""What a venue may read of the person before it answers, and while it helps. Source: domain §6."""

_UNANSWERED = frozenset({REQUESTED, ACKNOWLEDGED, WAITLISTED})


def parts_for_venue(referral: Referral, at: datetime) -> frozenset[str]:
    """Name the parts that the venue may read now: by the state, and by what the person still agrees to share."""
    if referral.opening.kind is ReferralKind.SIGNPOST:
        return frozenset()
    agreement = referral.opening.agreement
    by_state = ONCE_TAKEN if referral.taken else BEFORE_ACCEPTANCE if referral.state in _UNANSWERED else ()
    agreed = {
        part
        for part in by_state
        if agreement.stands(at)
        and (part not in PURPOSE_OF_PART or agreement.holds(PURPOSE_OF_PART[part], at))
    }
    return frozenset(agreed | {"professional"})


class VenueView(BaseModel):
    """The venue a referral was sent to, from its public record."""

    id: str
    nom: str
    commune: str
    telephone: str
    reached_by: ReachedBy

    @classmethod
    def of(cls, venue: Venue) -> "VenueView":
        """Show a venue."""
        return cls.model_validate(venue.model_dump(include=set(cls.model_fields)))


class StepView(BaseModel):
    """One line of the history. `note` is shown where the personal parts are."""

    at: AwareDatetime
    command: Command
    previous: ReferralState | None
    state: ReferralState
    by: ActorKind
    agent: str | None
    service: str | None
    on_behalf_of_venue: bool
    channel: Channel
    reason: ReferralReason | None
    appointment: Appointment | None
    attendance: Attendance | None
    wish_of: WishOf | None
    note: str | None = None

    @classmethod
    def of(cls, step: Step, note: str | None = None) -> "StepView":
        """Show a step."""
        return cls(
            at=step.at,
            command=step.command,
            previous=step.previous,
            state=step.state,
            by=step.actor.kind,
            agent=step.actor.agent,
            service=step.actor.service,
            on_behalf_of_venue=step.actor.on_behalf_of_venue,
            channel=step.actor.channel,
            reason=step.told.reason,
            appointment=step.told.appointment,
            attendance=step.told.attendance,
            wish_of=step.told.wish_of,
            note=note,
        )


class ReferralSummary(BaseModel):
    """One line of a prescriber's list."""

    id: str
    case_id: str | None
    client_reference: str | None
    owner: str
    kind: ReferralKind
    state: ReferralState
    venue_id: str
    needs: tuple[Need, ...]
    urgency: Urgency
    created_at: AwareDatetime
    changed_at: AwareDatetime
    accepted_at: AwareDatetime | None
    closed_at: AwareDatetime | None
    erased_at: AwareDatetime | None

    @classmethod
    def of(cls, referral: Referral) -> "ReferralSummary":
        """Show a referral in a list."""
        return cls.model_validate(_summary(referral))


class ReferralView(ReferralSummary):
    """A referral as its prescriber knows it, without its personal parts. `possible*`: the commands open now."""

    modality: Modality | None
    departement: str | None
    age_band: AgeBand
    assessment_id: str | None
    match_id: str | None
    legal_basis: LegalBasis
    information_given: InformationGiven
    agreement: Agreement
    appointment: Appointment | None
    outcome: Outcome | None
    history: list[StepView]
    possible: list[Command]
    possible_on_behalf_of_venue: list[Command]


class ReferralDetail(ReferralView):
    """A referral with its personal parts; reading one is journalled. Erased: nothing personal is left."""

    venue: VenueView | None
    personal: PersonalParts
    appointment_place: str | None


class VenueReferralSummary(BaseModel):
    """A referral as the venue it was sent to knows it, without any personal part and without its case."""

    id: str
    institution: str
    kind: ReferralKind
    state: ReferralState
    venue_id: str
    needs: tuple[Need, ...]
    modality: Modality | None
    urgency: Urgency
    age_band: AgeBand
    appointment: Appointment | None
    created_at: AwareDatetime
    changed_at: AwareDatetime
    accepted_at: AwareDatetime | None
    closed_at: AwareDatetime | None
    possible: list[Command]


class VenueReferralDetail(VenueReferralSummary):
    """With the personal parts that the venue may read at this state; reading them is journalled."""

    personal: PersonalParts
    appointment_place: str | None


class CaseReferral(BaseModel):
    """A referral in its case."""

    id: str
    venue_id: str
    kind: ReferralKind
    state: ReferralState
    created_at: AwareDatetime
    changed_at: AwareDatetime
    closed_at: AwareDatetime | None


class CaseView(BaseModel):
    """A case: its referrals that the caller sees, oldest first, and where its erasure stands."""

    id: str
    state: CaseState
    erasure_asked_at: AwareDatetime | None
    erased_at: AwareDatetime | None
    referrals: list[CaseReferral]


def for_prescriber(referral: Referral, at: datetime) -> ReferralView:
    """Show a referral to its prescriber's side."""
    return ReferralView.model_validate(_full(referral, at, [StepView.of(step) for step in referral.history]))


def for_prescriber_in_full(
    referral: Referral,
    at: datetime,
    *,
    venue: Venue | None,
    personal: PersonalParts,
    place: str | None,
    notes: list[str | None],
) -> ReferralDetail:
    """Show a referral to its prescriber's side with what was opened of it; `notes` go with the history's steps."""
    history = [StepView.of(step, note) for step, note in zip(referral.history, notes, strict=True)]
    opened = {
        "venue": None if venue is None else VenueView.of(venue),
        "personal": personal,
        "appointment_place": place,
    }
    return ReferralDetail.model_validate(_full(referral, at, history) | opened)


def for_venue(referral: Referral, at: datetime) -> VenueReferralSummary:
    """Show a referral to its venue."""
    return VenueReferralSummary.model_validate(_venue_summary(referral, at))


def for_venue_in_full(
    referral: Referral, at: datetime, *, personal: PersonalParts, place: str | None
) -> VenueReferralDetail:
    """Show a referral to its venue with what was opened of it."""
    opened = {"personal": personal, "appointment_place": place}
    return VenueReferralDetail.model_validate(_venue_summary(referral, at) | opened)


def of_case(case_id: str, case: Case | None, referrals: list[Referral]) -> CaseView:
    """Show a case; without a document it is open."""
    return CaseView(
        id=case_id,
        state=CaseState.OPEN if case is None else case.state,
        erasure_asked_at=None if case is None else case.created_at,
        erased_at=None if case is None else case.erased_at,
        referrals=[CaseReferral.model_validate(_summary(one)) for one in referrals],
    )


def _summary(referral: Referral) -> dict[str, object]:
    opening = referral.opening
    return {
        "id": referral.id,
        "case_id": referral.case_id,
        "client_reference": referral.client_reference,
        "owner": referral.owner.node,
        "kind": opening.kind,
        "state": referral.state,
        "venue_id": opening.venue_id,
        "needs": opening.needs,
        "urgency": opening.urgency,
        "created_at": referral.created_at,
        "changed_at": referral.changed_at,
        "accepted_at": referral.accepted_at,
        "closed_at": referral.closed_at,
        "erased_at": referral.erased_at,
    }


def _full(referral: Referral, at: datetime, history: list[StepView]) -> dict[str, object]:
    opening = referral.opening
    return _summary(referral) | {
        "modality": opening.modality,
        "departement": opening.departement,
        "age_band": opening.age_band,
        "assessment_id": opening.assessment_id,
        "match_id": opening.match_id,
        "legal_basis": opening.legal_basis,
        "information_given": opening.information,
        "agreement": opening.agreement,
        "appointment": referral.appointment,
        "outcome": referral.outcome,
        "history": history,
        "possible": referral.possible(ActorKind.PRESCRIBER, at),
        "possible_on_behalf_of_venue": referral.possible(ActorKind.PARTNER, at),
    }


def _venue_summary(referral: Referral, at: datetime) -> dict[str, object]:
    signpost = referral.opening.kind is ReferralKind.SIGNPOST
    return _summary(referral) | {
        "institution": referral.owner.institution,
        "modality": referral.opening.modality,
        "age_band": AgeBand.UNKNOWN if signpost else referral.opening.age_band,
        "appointment": referral.appointment,
        "possible": referral.possible(ActorKind.PARTNER, at),
    }
