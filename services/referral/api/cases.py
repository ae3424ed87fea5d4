"""Cases: one person followed by one institution."""

from typing import Annotated

from fastapi import APIRouter, status

from services.referral.erasure import CaseDesk
from services.referral.views import CaseView
from shared.http.auth import acts, requires
from shared.http.components import component
from shared.http.idempotency import Idempotent
from shared.http.problems import documented
from shared.security.caller import Act, Caller, Scope
from shared.vault.port import UnknownCase

router = APIRouter(prefix="/v1/cases", tags=["cases"])

Desk = Annotated[CaseDesk, component(CaseDesk)]


@router.get(
    "/{case_id}",
    summary="A case's referrals and dates",
    response_model=CaseView,
    responses=documented(UnknownCase),
)
async def read_case(
    case_id: str, caller: Annotated[Caller, requires(Scope.REFERRALS_READ)], desk: Desk
) -> CaseView:
    """Show a case of your institution, with the referrals that your part of the tree has made."""
    return await desk.show(caller, case_id)


@router.post(
    "/{case_id}/erase",
    summary="Erase a person's data",
    status_code=status.HTTP_202_ACCEPTED,
    response_model=CaseView,
    responses=documented(UnknownCase),
)
async def erase_case(
    case_id: str, act: Annotated[Act, acts(Scope.CASES_ERASE)], desk: Desk, key: Idempotent
) -> CaseView:
    """Order the erasure of a case everywhere; open referrals are cancelled. It can't be undone, a repeat changes nothing."""
    _ = key  # a repeat is recognised by the case itself; the header is asked for as on every order
    return await desk.order_erasure(act, case_id)
