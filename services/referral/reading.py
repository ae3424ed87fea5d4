"""What a caller may read of a person: opens the parts that this reader may see, once the read is journalled."""

from services.referral.journal import AccessRecord
from services.referral.model import Referral
from services.referral.parts import PersonalParts
from services.referral.repository import READ, READ_AS_VENUE, Referrals, Venues
from services.referral.sealing import NOTE, PLACE, Sealing
from services.referral.views import (
    ReferralDetail,
    VenueReferralDetail,
    for_prescriber_in_full,
    for_venue_in_full,
    parts_for_venue,
)
from shared.clock import Clock
from shared.events.vocabulary import ActorKind
from shared.ids import Ids
from shared.security.caller import Act, Caller


class ReferralReader:
    """Where personal parts are opened for a reader."""

    def __init__(
        self, *, referrals: Referrals, venues: Venues, sealing: Sealing, clock: Clock, ids: Ids
    ) -> None:
        self._referrals, self._venues, self._sealing = referrals, venues, sealing
        self._clock, self._ids = clock, ids

    async def read(self, act: Act, referral_id: str) -> ReferralDetail:
        """Open a referral for its prescriber's side; the read is journalled first.

        Raises:
            UnknownReferral.
            CaseErased: its erasure is under way.
        """
        referral, _ = await self._referrals.reachable(referral_id, act.caller, READ)
        personal = await self._sealing.open_parts(referral)
        place = await self._sealing.open_text(referral.case_id, PLACE, referral.sealed_place)
        notes = [
            await self._sealing.open_text(referral.case_id, NOTE, step.confided.note)
            for step in referral.history
        ]
        await self._journal(act, referral, ActorKind.PRESCRIBER, personal, place, with_notes=any(notes))
        return for_prescriber_in_full(
            referral,
            self._clock.now(),
            venue=await self._venues.get(referral.opening.venue_id),
            personal=personal,
            place=place,
            notes=notes,
        )

    async def read_as_venue(self, act: Act, referral_id: str) -> VenueReferralDetail:
        """Open what its venue may read of a referral now; the read is journalled first.

        Raises:
            UnknownReferral: none, or addressed to another venue.
            CaseErased: its erasure is under way.
        """
        referral, _ = await self._referrals.reachable(referral_id, act.caller, READ_AS_VENUE)
        now = self._clock.now()
        names = parts_for_venue(referral, now)
        personal = await self._sealing.open_parts(referral, names)
        sealed_place = referral.sealed_place if referral.taken else None
        place = await self._sealing.open_text(referral.case_id, PLACE, sealed_place)
        await self._journal(act, referral, ActorKind.PARTNER, personal, place, with_notes=False)
        return for_venue_in_full(referral, now, personal=personal, place=place)

    async def _journal(
        self,
        act: Act,
        referral: Referral,
        reader: ActorKind,
        personal: PersonalParts,
        place: str | None,
        *,
        with_notes: bool,
    ) -> None:
        extra = {"appointment_place": place is not None, "notes": with_notes}
        await self._referrals.journal(
            AccessRecord(
                id=self._ids.new(),
                created_at=self._clock.now(),
                referral_id=referral.id,
                reader=reader,
                client_id=act.caller.client_id,
                agent=act.agent,
                service=act.service,
                parts=tuple(sorted(personal.given | {name for name, there in extra.items() if there})),
            )
        )


def answers_for(caller: Caller, venue_id: str | None) -> str | None:
    """Return the venue whose referrals a partner asks for: the one it names, or its only one; None when unclear."""
    if venue_id is None:
        return next(iter(caller.venues)) if len(caller.venues) == 1 else None
    return venue_id if venue_id in caller.venues else None
