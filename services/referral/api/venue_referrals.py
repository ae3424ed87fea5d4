"""Referrals as the venues they were sent to know them: for partners' own software."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.referral.errors import UnknownReferral, VenueNotChosen
from services.referral.reading import ReferralReader, answers_for
from services.referral.repository import Referrals
from services.referral.requests import VenueReferralsQuery
from services.referral.views import VenueReferralDetail, VenueReferralSummary, for_venue
from shared.clock import Clock
from shared.http.auth import acts, requires
from shared.http.components import component
from shared.http.paging import ListOf
from shared.http.problems import documented
from shared.security.caller import Act, Caller, Scope
from shared.store.port import InvalidCursor
from shared.vault.port import CaseErased

router = APIRouter(prefix="/v1/venue-referrals", tags=["referrals"])


@router.get(
    "",
    summary="List what was sent to your venue, oldest first",
    response_model=ListOf[VenueReferralSummary],
    responses=documented(InvalidCursor, VenueNotChosen),
)
async def list_venue_referrals(
    query: Annotated[VenueReferralsQuery, Query()],
    caller: Annotated[Caller, requires(Scope.REFERRALS_ANSWER)],
    referrals: Annotated[Referrals, component(Referrals)],
    clock: Annotated[Clock, component(Clock)],
) -> ListOf[VenueReferralSummary]:
    """List the referrals addressed to one of your venues."""
    venue_id = answers_for(caller, query.venue_id)
    if venue_id is None:
        raise VenueNotChosen
    page = await referrals.addressed_to(venue_id, state=query.state, after=query.after, limit=query.limit)
    now = clock.now()
    return ListOf(items=[for_venue(one, now) for one in page.items], next=page.next)


@router.get(
    "/{referral_id}",
    summary="Read a referral sent to your venue",
    response_model=VenueReferralDetail,
    responses=documented(UnknownReferral, CaseErased),
)
async def read_venue_referral(
    referral_id: str,
    act: Annotated[Act, acts(Scope.REFERRALS_ANSWER)],
    reader: Annotated[ReferralReader, component(ReferralReader)],
) -> VenueReferralDetail:
    """Read what you may know at this state: contact data only once accepted. Each read is journalled."""
    return await reader.read_as_venue(act, referral_id)
