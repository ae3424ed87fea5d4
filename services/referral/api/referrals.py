"""Referrals as their prescriber's side knows them."""

from typing import Annotated

from fastapi import APIRouter, Query, status

from services.referral.desk import ReferralDesk
from services.referral.errors import (
    AgreementNeeded,
    ClientReferenceTaken,
    NotAgreed,
    RecordInFuture,
    ReferralErased,
    SignpostCarriesNothing,
    UnknownReferral,
    VenueRetired,
    VenueUnknown,
)
from services.referral.model import Referral
from services.referral.reading import ReferralReader
from services.referral.repository import Referrals
from services.referral.requests import CreateReferral, ReferralsQuery
from services.referral.views import ReferralDetail, ReferralSummary, ReferralView
from shared.http.auth import acts, requires
from shared.http.components import component
from shared.http.idempotency import Idempotent
from shared.http.paging import ListOf
from shared.http.problems import documented
from shared.idempotency import IdempotencyKeyReused
from shared.security.caller import Act, Caller, Scope
from shared.store.port import InvalidCursor
from shared.vault.port import CaseErased, UnknownCase

router = APIRouter(prefix="/v1/referrals", tags=["referrals"])

Desk = Annotated[ReferralDesk, component(ReferralDesk)]


@router.post(
    "",
    summary="Refer a person to a venue",
    status_code=status.HTTP_201_CREATED,
    response_model=ReferralView,
    responses=documented(
        AgreementNeeded,
        NotAgreed,
        SignpostCarriesNothing,
        RecordInFuture,
        VenueUnknown,
        VenueRetired,
        ClientReferenceTaken,
        IdempotencyKeyReused,
        UnknownCase,
        CaseErased,
        ReferralErased,
    ),
)
async def create_referral(
    body: CreateReferral, act: Annotated[Act, acts(Scope.REFERRALS_WRITE)], desk: Desk, key: Idempotent
) -> ReferralView:
    """Create a referral, with a new case unless `case_id` names one. Without agreement only a signpost is possible."""
    return await desk.create(act, body, key)


@router.get(
    "",
    summary="List your referrals, oldest first",
    response_model=ListOf[ReferralSummary],
    responses=documented(InvalidCursor),
)
async def list_referrals(
    query: Annotated[ReferralsQuery, Query()],
    caller: Annotated[Caller, requires(Scope.REFERRALS_READ)],
    referrals: Annotated[Referrals, component(Referrals)],
) -> ListOf[ReferralSummary]:
    """List what your part of the tree has made; with several filters a page may hold fewer than `limit` items."""
    if query.client_reference is None and query.case_id is None:
        page = await referrals.owned(
            caller, state=query.state, venue_id=query.venue_id, after=query.after, limit=query.limit
        )
        return ListOf(items=[ReferralSummary.of(one) for one in page.items], next=page.next)
    found = await _found(query, caller, referrals)
    return ListOf(items=[ReferralSummary.of(one) for one in found], next=None)


@router.get(
    "/{referral_id}",
    summary="Read a referral with its personal parts",
    response_model=ReferralDetail,
    responses=documented(UnknownReferral, CaseErased),
)
async def read_referral(
    referral_id: str,
    act: Annotated[Act, acts(Scope.REFERRALS_READ)],
    reader: Annotated[ReferralReader, component(ReferralReader)],
) -> ReferralDetail:
    """Read a referral. Each read is journalled with its agent."""
    return await reader.read(act, referral_id)


async def _found(query: ReferralsQuery, caller: Caller, referrals: Referrals) -> list[Referral]:
    """Find by what names few: a client's reference, or a case; the other filters narrow it."""
    if query.client_reference is not None:
        named = await referrals.named(caller, query.client_reference)
        found = [] if named is None else [named]
    else:
        found = [one async for one in referrals.of_case(query.case_id or "") if caller.sees(one.owner)]
    return [
        one
        for one in found
        if query.case_id in (None, one.case_id)
        and query.state in (None, one.state)
        and query.venue_id in (None, one.opening.venue_id)
    ]
