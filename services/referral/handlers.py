"""Events in: venues as the directory tells them, and the two steps of an erasure. Each effect may be repeated."""

from functools import partial

from services.referral.erasure import CaseDesk
from services.referral.repository import Venues
from services.referral.venue import venue_told_by
from shared.events.cases import CaseErased, CaseErasing
from shared.events.envelope import Event
from shared.events.venues import VenueSnapshot
from shared.service import Handlers
from shared.store.retry import deciding_again


async def record_venue(event: Event[VenueSnapshot], *, venues: Venues) -> None:
    """Keep the newest record of a venue, retired or not."""
    told = venue_told_by(event.aggregate_id, event.data, event.time)
    await deciding_again(lambda: venues.learn(told))


async def destroy_case_key(event: Event[CaseErasing], *, desk: CaseDesk) -> None:
    """Make what the case sealed unreadable everywhere, and say so."""
    await desk.destroy_key(event.aggregate_id)


async def unlink_case(event: Event[CaseErased], *, desk: CaseDesk) -> None:
    """Keep only countable facts of the case's referrals."""
    await desk.unlink(event.aggregate_id)


def table(*, venues: Venues, desk: CaseDesk) -> Handlers:
    """Return what this service listens to."""
    return {
        VenueSnapshot: partial(record_venue, venues=venues),
        CaseErasing: partial(destroy_case_key, desk=desk),
        CaseErased: partial(unlink_case, desk=desk),
    }
