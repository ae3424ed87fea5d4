"""What a referral or a case may refuse, each by its name."""

from collections.abc import Iterable
from typing import ClassVar

from services.referral.transitions import REASONS, Command, Fact
from shared.errors import NotFound, RelaisError
from shared.events.vocabulary import ActorKind, ReferralKind, ReferralReason, ReferralState


class ReferralError(RelaisError):
    """The base of what this service refuses."""


class UnknownReferral(NotFound):
    """No such referral for this caller."""

    def __init__(self, referral_id: str) -> None:
        super().__init__("referral", referral_id)


class TransitionRefused(ReferralError):
    """The table has no such move for this actor now; nothing was changed."""

    status: ClassVar[int] = 409

    def __init__(
        self, state: ReferralState, command: Command, actor: ActorKind, possible: Iterable[Command]
    ) -> None:
        now = sorted({item.value for item in possible})
        super().__init__(
            f"A referral that is {state.value} can't {command.value} for a {actor.value}; "
            f"possible now: {', '.join(now) or 'nothing'}.",
            state=state.value,
            command=command.value,
            possible=now,
        )


class FactMissing(ReferralError):
    """The command came without something it must tell."""

    status: ClassVar[int] = 422

    def __init__(self, command: Command, missing: Iterable[Fact]) -> None:
        names = sorted(fact.value for fact in missing)
        super().__init__(f"To {command.value}, also give: {', '.join(names)}.", fields=names)


class ReasonNotAllowed(ReferralError):
    """The coded reason does not fit the command."""

    status: ClassVar[int] = 422

    def __init__(self, command: Command, reason: ReferralReason) -> None:
        allowed = sorted(item.value for item in REASONS[command])
        super().__init__(
            f"reason {reason.value} does not fit {command.value}; these do: {', '.join(allowed)}.",
            field="reason",
            allowed=allowed,
        )


class OtherNeedsNote(ReferralError):
    """`other` alone tells nobody anything."""

    status: ClassVar[int] = 422

    def __init__(self) -> None:
        super().__init__("reason other needs a note that says what it was.", field="note")


class AppointmentBeforeReferral(ReferralError):
    """The appointment lies before the referral itself."""

    status: ClassVar[int] = 422

    def __init__(self) -> None:
        super().__init__("appointment.at lies before the referral was made.", field="appointment.at")


class OnlyPrescribersActForVenues(ReferralError):
    """A partner answers in its own name."""

    status: ClassVar[int] = 422

    def __init__(self) -> None:
        super().__init__(
            "on_behalf_of is for prescribers who type in what a venue told them; leave it out.",
            field="on_behalf_of",
        )


class ReferralErased(ReferralError):
    """The person's data was erased; only countable facts are left."""

    status: ClassVar[int] = 410

    def __init__(self, referral_id: str) -> None:
        super().__init__(f"The case of referral {referral_id} was erased; it can't be read or changed.")


class NotAgreed(ReferralError):
    """A personal part was sent without the person's agreement to share it."""

    status: ClassVar[int] = 422

    def __init__(self, part: str, purpose: str) -> None:
        super().__init__(
            f"{part} can't be kept for the venue: the agreement does not hold {purpose}.",
            field=part,
            purpose=purpose,
        )


class AgreementNeeded(ReferralError):
    """Something would leave without a valid agreement."""

    status: ClassVar[int] = 422

    def __init__(self, kind: ReferralKind, problem: str) -> None:
        super().__init__(
            f"A referral of kind {kind.value} needs the person's agreement: {problem}. Without it, help goes on "
            "with kind signpost.",
            field="agreement",
        )


class RecordInFuture(ReferralError):
    """Something is said to have happened that lies ahead."""

    status: ClassVar[int] = 422

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} lies in the future; give the time at which it happened.", field=name)


class SignpostCarriesNothing(ReferralError):
    """A signpost sends nothing personal to the venue, so nothing personal may be given for it."""

    status: ClassVar[int] = 422

    def __init__(self, parts: Iterable[str]) -> None:
        names = sorted(parts)
        super().__init__(
            f"With kind signpost nothing personal is kept for the venue; leave out: {', '.join(names)}.",
            fields=names,
        )


class VenueUnknown(ReferralError):
    """The directory has told us of no such venue."""

    status: ClassVar[int] = 422

    def __init__(self) -> None:
        super().__init__("venue_id names no venue of the directory.", field="venue_id")


class VenueRetired(ReferralError):
    """The venue is no longer listed by its source."""

    status: ClassVar[int] = 422

    def __init__(self) -> None:
        super().__init__("venue_id names a venue that was retired; choose another.", field="venue_id")


class ClientReferenceTaken(ReferralError):
    """Another referral of this client bears the reference."""

    status: ClassVar[int] = 409

    def __init__(self) -> None:
        super().__init__(
            "client_reference already names another referral of this client; each must be unique.",
            field="client_reference",
        )


class VenueNotChosen(ReferralError):
    """A partner of several venues lists one of them at a time."""

    status: ClassVar[int] = 422

    def __init__(self) -> None:
        super().__init__("venue_id must name one of the venues this client answers for.", field="venue_id")
