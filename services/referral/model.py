"""The referral: one request that a venue help a person, from `requested` to a result.

`open_referral` makes one; `Referral.decide` is the only door to a change: it reads the table of `transitions`, and
either gives the changed referral with its event, gives the same referral back (a repeat), or refuses by name. Times
and ids are arguments. Personal parts are held sealed and are never looked into here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

from pydantic import AwareDatetime

from services.referral.agreement import Agreement, InformationGiven, LegalBasis, check_may_send
from services.referral.errors import (
    AppointmentBeforeReferral,
    FactMissing,
    OtherNeedsNote,
    ReasonNotAllowed,
    RecordInFuture,
    ReferralErased,
    TransitionRefused,
)
from services.referral.orders import Actor, Appointment, Confided, Order, Step, Told, Value, WishOf
from services.referral.transitions import (
    OPEN,
    REASONS,
    TAKEN,
    Command,
    Move,
    may_ever,
    moves_from,
)
from shared.events.payload import Payload
from shared.events.referrals import Outcome, ReferralCreated
from shared.events.vocabulary import (
    ActorKind,
    AgeBand,
    Attendance,
    Modality,
    Need,
    ReferralKind,
    ReferralReason,
    ReferralState,
    Urgency,
)
from shared.idempotency import CommandRecord
from shared.security.caller import OWNED_INDEXES, Owner
from shared.store.port import Document, Index


class SealedParts(Value):
    """What the venue may need to read of the person, each part under the case key; None: not given, or erased."""

    contact: str | None = None
    summary: str | None = None
    adaptations: str | None = None
    municipality: str | None = None
    availability: str | None = None
    professional: str | None = None


class Opening(Value):
    """What a prescriber decides when referring: the countable part, and the three records."""

    kind: ReferralKind
    venue_id: str
    needs: tuple[Need, ...]
    modality: Modality | None = None
    urgency: Urgency = Urgency.STANDARD
    departement: str | None = None
    age_band: AgeBand = AgeBand.UNKNOWN
    assessment_id: str | None = None
    match_id: str | None = None
    legal_basis: LegalBasis
    information: InformationGiven
    agreement: Agreement


class Referral(Document):
    """One referral. `case_id` is None once the person's data was erased: only countable facts are left then."""

    kind: ClassVar[str] = "referrals"
    indexes: ClassVar[tuple[Index, ...]] = (
        *OWNED_INDEXES,
        *(Index(f"{index.name}_state", (*index.equals, "state")) for index in OWNED_INDEXES),
        *(Index(f"{index.name}_venue", (*index.equals, "opening.venue_id")) for index in OWNED_INDEXES),
        Index("by_case", ("case_id",)),
        Index("by_venue", ("opening.venue_id",)),
        Index("by_venue_state", ("opening.venue_id", "state")),
    )

    owner: Owner
    case_id: str | None
    client_id: str
    client_reference: str | None = None
    state: ReferralState
    opening: Opening
    sealed: SealedParts = SealedParts()
    appointment: Appointment | None = None
    sealed_place: str | None = None
    outcome: Outcome | None = None
    changed_at: AwareDatetime
    accepted_at: AwareDatetime | None = None
    closed_at: AwareDatetime | None = None
    erased_at: AwareDatetime | None = None
    history: tuple[Step, ...]
    fingerprint: str
    commands: tuple[CommandRecord, ...] = ()

    @property
    def taken(self) -> bool:
        """Whether the venue has said yes and has not finished."""
        return self.state in TAKEN

    def possible(self, role: ActorKind, at: datetime) -> list[Command]:
        """What an actor in this role may ask now, in alphabetical order."""
        if self.case_id is None:
            return []
        moves = moves_from(self.state, self.opening.kind, role, at - self.changed_at)
        return sorted({command for command, _ in moves})

    def decide(self, order: Order) -> "Decision":
        """Carry out a command, recognise its repeat, or refuse it; nothing is changed in place.

        Raises:
            ReferralErased: nothing is left to decide about.
            TransitionRefused: the table has no such move for this actor now.
            FactMissing, ReasonNotAllowed, OtherNeedsNote, AppointmentBeforeReferral: the move needs something else.
        """
        if self.case_id is None:
            raise ReferralErased(self.id)
        if self._repeats(order):
            return Decision(self, ())
        move = self._move_for(order)
        self._check_facts(order, move)
        moved = self._moved(order, move)
        return Decision(moved, (_event(moved, order, move, self.state, self.case_id),))

    def erased(self, at: datetime) -> Self:
        """This referral without anything that leads to the person: sealed parts, references, hashes, links, the case."""
        return self.model_copy(
            update={
                "case_id": None,
                "client_reference": None,
                "sealed": SealedParts(),
                "sealed_place": None,
                "opening": self.opening.model_copy(update={"assessment_id": None, "match_id": None}),
                "fingerprint": "",
                "commands": (),
                "erased_at": at,
                "history": tuple(step.model_copy(update={"confided": Confided()}) for step in self.history),
            }
        )

    def _repeats(self, order: Order) -> bool:
        last = self.history[-1]
        return (
            last.command is order.command
            and last.told == order.told
            and last.confided.digest == order.confided.digest
            and may_ever(order.command, order.actor.role)
        )

    def _move_for(self, order: Order) -> Move:
        role = order.actor.role
        target = _target_of(order)
        for command, move in moves_from(self.state, self.opening.kind, role, order.at - self.changed_at):
            if command is order.command and target in (None, move.target):
                return move
        raise TransitionRefused(self.state, order.command, role, self.possible(role, order.at))

    def _check_facts(self, order: Order, move: Move) -> None:
        if missing := order.missing(move):
            raise FactMissing(order.command, missing)
        reason = order.told.reason
        if reason is not None and reason not in REASONS.get(order.command, frozenset()):
            raise ReasonNotAllowed(order.command, reason)
        if reason is ReferralReason.OTHER and order.confided.note is None:
            raise OtherNeedsNote
        if order.told.appointment is not None and order.told.appointment.at < self.created_at:
            raise AppointmentBeforeReferral

    def _moved(self, order: Order, move: Move) -> Self:
        changes: dict[str, Any] = {
            "state": move.target,
            "history": (*self.history, _step(order, self.state, move.target)),
        }
        if move.target is not self.state:
            changes["changed_at"] = order.at
        if order.command is Command.SCHEDULE:
            changes |= {"appointment": order.told.appointment, "sealed_place": order.confided.place}
        if order.command is Command.COMPLETE:
            changes["outcome"] = order.told.outcome
        return self.model_copy(update=changes | self._milestones(order, move))

    def _milestones(self, order: Order, move: Move) -> dict[str, Any]:
        """When it was taken and when it was closed: what came to pass stays, what was reopened is forgotten."""
        if order.command is Command.REOPEN:
            again = move.target in TAKEN
            taken = (self.accepted_at or order.at) if again else None
            return {"closed_at": None, "outcome": None, "accepted_at": taken}
        if move.target in TAKEN:
            return {"accepted_at": self.accepted_at or order.at}
        return {} if move.target in OPEN else {"closed_at": order.at}


@dataclass(frozen=True, slots=True)
class Decision:
    """What a command comes to. No events: a repeat, the referral is the same."""

    referral: Referral
    events: tuple[Payload, ...]


def open_referral(
    opening: Opening,
    parts: frozenset[str],
    *,
    referral_id: str,
    case_id: str,
    owner: Owner,
    actor: Actor,
    at: datetime,
    client_id: str,
    client_reference: str | None,
    fingerprint: str,
) -> tuple[Referral, ReferralCreated]:
    """Make a referral that will carry these personal parts, still to be sealed into it, and its event.

    Raises:
        RecordInFuture: information or agreement dated ahead.
        AgreementNeeded, NotAgreed, SignpostCarriesNothing: see `check_may_send`.
    """
    if opening.information.given_at > at:
        raise RecordInFuture("information_given.given_at")
    check_may_send(opening.kind, opening.venue_id, parts, opening.agreement, at)
    signpost = opening.kind is ReferralKind.SIGNPOST
    state = ReferralState.HANDED_OVER if signpost else ReferralState.REQUESTED
    referral = Referral(
        id=referral_id,
        created_at=at,
        owner=owner,
        case_id=case_id,
        client_id=client_id,
        client_reference=client_reference,
        state=state,
        opening=opening,
        changed_at=at,
        history=(Step(at=at, command=Command.CREATE, previous=None, state=state, actor=actor),),
        fingerprint=fingerprint,
    )
    event = ReferralCreated(
        case_id=case_id,
        owner=owner.node,
        venue_id=opening.venue_id,
        state=state,
        kind=opening.kind,
        urgency=opening.urgency,
        needs=opening.needs,
        departement=opening.departement,
        age_band=opening.age_band,
        assessment_id=opening.assessment_id,
        match_id=opening.match_id,
    )
    return referral, event


def erased_with_case(referral: Referral, at: datetime) -> Decision:
    """Unlink a referral from the erased person, stopping it if it is still open; a repeat changes nothing."""
    stopped = cancelled_by_erasure(referral, at)
    return Decision(stopped.referral.erased(at), stopped.events)


def cancelled_by_erasure(referral: Referral, at: datetime) -> Decision:
    """Stop an open referral because the person's data is being erased; a closed one stays as it is."""
    if referral.case_id is None or referral.state not in OPEN:
        return Decision(referral, ())
    told = Told(reason=ReferralReason.PERSON_DECLINED, wish_of=WishOf.PERSON)
    return referral.decide(
        Order(command=Command.CANCEL, actor=Actor(kind=ActorKind.SYSTEM), at=at, told=told)
    )


def _target_of(order: Order) -> ReferralState | None:
    """The state an order asks for, where its command could lead to several; None when it need not be asked."""
    if order.command is Command.ATTENDANCE and order.told.attendance is not None:
        came = order.told.attendance is Attendance.SEEN
        return ReferralState.IN_PROGRESS if came else ReferralState.SCHEDULED
    return order.told.to if order.command is Command.REOPEN else None


def _step(order: Order, previous: ReferralState, state: ReferralState) -> Step:
    return Step(
        at=order.at,
        command=order.command,
        previous=previous,
        state=state,
        actor=order.actor,
        told=order.told,
        confided=order.confided,
    )


def _event(moved: Referral, order: Order, move: Move, previous: ReferralState, case_id: str) -> Payload:
    told, actor = order.told, order.actor
    facts: Mapping[str, object] = {
        "case_id": case_id,
        "owner": moved.owner.node,
        "venue_id": moved.opening.venue_id,
        "state": move.target,
        "previous": previous,
        "by": actor.kind,
        "on_behalf_of_venue": actor.on_behalf_of_venue,
        "channel": actor.channel,
        "reason": told.reason,
        "departement": moved.opening.departement,
        "appointment_at": told.appointment.at if told.appointment else None,
        "attendance": told.attendance,
        "outcome": told.outcome,
        "wish_of": told.wish_of.value if told.wish_of else None,
    }
    return move.event.model_validate(facts)  # each event takes the facts it declares and leaves the others
