"""The commands of a referral, for its prescriber's side and for its venue's: one route each, the table decides."""

from typing import Annotated

from fastapi import APIRouter

from services.referral.desk import ReferralDesk, Shown
from services.referral.errors import (
    AppointmentBeforeReferral,
    OnlyPrescribersActForVenues,
    OtherNeedsNote,
    ReasonNotAllowed,
    ReferralErased,
    TransitionRefused,
    UnknownReferral,
)
from services.referral.requests import (
    AttendanceBody,
    CancelBody,
    CommandBody,
    CompleteBody,
    ReasonBody,
    ReopenBody,
    ScheduleBody,
)
from services.referral.transitions import Command
from shared.http.auth import acts
from shared.http.components import component
from shared.http.idempotency import Idempotent
from shared.http.problems import documented
from shared.idempotency import IdempotencyKeyReused
from shared.security.caller import Act, Scope

router = APIRouter(
    prefix="/v1/referrals/{referral_id}",
    tags=["referrals"],
    responses=documented(
        UnknownReferral,
        TransitionRefused,
        ReasonNotAllowed,
        OtherNeedsNote,
        AppointmentBeforeReferral,
        OnlyPrescribersActForVenues,
        IdempotencyKeyReused,
        ReferralErased,
    ),
)

Mover = Annotated[Act, acts(Scope.REFERRALS_WRITE, Scope.REFERRALS_ANSWER)]
Desk = Annotated[ReferralDesk, component(ReferralDesk)]

NOTHING_MORE = CommandBody()


@router.post("/acknowledge", summary="Say that the venue has seen it", response_model=Shown)
async def acknowledge(
    referral_id: str, act: Mover, desk: Desk, key: Idempotent, body: CommandBody = NOTHING_MORE
) -> Shown:
    """Say that the venue has seen it."""
    return await desk.move(act, referral_id, Command.ACKNOWLEDGE, body, key)


@router.post("/waitlist", summary="Put the person on the venue's waiting list", response_model=Shown)
async def waitlist(
    referral_id: str, act: Mover, desk: Desk, key: Idempotent, body: CommandBody = NOTHING_MORE
) -> Shown:
    """Put the person on the venue's waiting list."""
    return await desk.move(act, referral_id, Command.WAITLIST, body, key)


@router.post("/accept", summary="Take the person", response_model=Shown)
async def accept(
    referral_id: str, act: Mover, desk: Desk, key: Idempotent, body: CommandBody = NOTHING_MORE
) -> Shown:
    """Take the person."""
    return await desk.move(act, referral_id, Command.ACCEPT, body, key)


@router.post("/decline", summary="Do not take the person, with a coded reason", response_model=Shown)
async def decline(referral_id: str, act: Mover, desk: Desk, key: Idempotent, body: ReasonBody) -> Shown:
    """Do not take the person, with a coded reason."""
    return await desk.move(act, referral_id, Command.DECLINE, body, key)


@router.post("/schedule", summary="Set or move the appointment", response_model=Shown)
async def schedule(referral_id: str, act: Mover, desk: Desk, key: Idempotent, body: ScheduleBody) -> Shown:
    """Set or move the appointment."""
    return await desk.move(act, referral_id, Command.SCHEDULE, body, key)


@router.post("/attendance", summary="Record whether the person came", response_model=Shown)
async def attendance(
    referral_id: str, act: Mover, desk: Desk, key: Idempotent, body: AttendanceBody
) -> Shown:
    """Record whether the person came."""
    return await desk.move(act, referral_id, Command.ATTENDANCE, body, key)


@router.post("/start", summary="Say that the person came and help has begun", response_model=Shown)
async def start(
    referral_id: str, act: Mover, desk: Desk, key: Idempotent, body: CommandBody = NOTHING_MORE
) -> Shown:
    """Say that the person came and help has begun."""
    return await desk.move(act, referral_id, Command.START, body, key)


@router.post("/hold", summary="Pause, with a coded reason", response_model=Shown)
async def hold(referral_id: str, act: Mover, desk: Desk, key: Idempotent, body: ReasonBody) -> Shown:
    """Pause, with a coded reason."""
    return await desk.move(act, referral_id, Command.HOLD, body, key)


@router.post("/complete", summary="Say what the help brought", response_model=Shown)
async def complete(referral_id: str, act: Mover, desk: Desk, key: Idempotent, body: CompleteBody) -> Shown:
    """Say what the help brought."""
    return await desk.move(act, referral_id, Command.COMPLETE, body, key)


@router.post("/fail", summary="End without help, with a coded reason", response_model=Shown)
async def fail(referral_id: str, act: Mover, desk: Desk, key: Idempotent, body: ReasonBody) -> Shown:
    """End without help, with a coded reason."""
    return await desk.move(act, referral_id, Command.FAIL, body, key)


@router.post("/cancel", summary="Stop, with a coded reason and whose wish it is", response_model=Shown)
async def cancel(referral_id: str, act: Mover, desk: Desk, key: Idempotent, body: CancelBody) -> Shown:
    """Stop, with a coded reason and whose wish it is."""
    return await desk.move(act, referral_id, Command.CANCEL, body, key)


@router.post(
    "/reopen", summary="Open a closed referral again, within 30 days, with a note", response_model=Shown
)
async def reopen(referral_id: str, act: Mover, desk: Desk, key: Idempotent, body: ReopenBody) -> Shown:
    """Open a closed referral again, within 30 days, with a note."""
    return await desk.move(act, referral_id, Command.REOPEN, body, key)


@router.post("/correct", summary="Mark as entered in error: it is no longer counted", response_model=Shown)
async def correct(referral_id: str, act: Mover, desk: Desk, key: Idempotent, body: ReasonBody) -> Shown:
    """Mark as entered in error: it is no longer counted."""
    return await desk.move(act, referral_id, Command.CORRECT, body, key)
