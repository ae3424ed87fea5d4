"""The moves of a referral: the one table that says who may take it from which state to which.

Everything else reads this table: the aggregate decides by it, answers list what is possible now by it, and the tests
walk it against an independent copy. Source: domain §6.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from shared.events.referrals import (
    ReferralAccepted,
    ReferralAcknowledged,
    ReferralAttendanceRecorded,
    ReferralCancelled,
    ReferralCompleted,
    ReferralCorrected,
    ReferralDeclined,
    ReferralExpired,
    ReferralFailed,
    ReferralHeld,
    ReferralLapsed,
    ReferralMoved,
    ReferralReopened,
    ReferralScheduled,
    ReferralStarted,
    ReferralWaitlisted,
)
from shared.events.vocabulary import ActorKind, ReferralKind, ReferralReason, ReferralState

REOPEN_WITHIN = timedelta(days=30)
"""How long a prescriber may reopen what was closed. Source: domain §6."""

LAPSE_AFTER = timedelta(days=60)
"""How long a slip waits to be used. Source: domain §6."""


class Command(StrEnum):
    """What one may ask of a referral, as in the paths of the API; `create` is the first step of each."""

    CREATE = "create"
    ACKNOWLEDGE = "acknowledge"
    WAITLIST = "waitlist"
    ACCEPT = "accept"
    DECLINE = "decline"
    SCHEDULE = "schedule"
    ATTENDANCE = "attendance"
    START = "start"
    HOLD = "hold"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"
    EXPIRE = "expire"
    LAPSE = "lapse"
    REOPEN = "reopen"
    CORRECT = "correct"


class Fact(StrEnum):
    """What a command must tell, beside who and when."""

    REASON = "reason"
    APPOINTMENT = "appointment"
    ATTENDANCE = "attendance"
    OUTCOME = "outcome"
    WISH_OF = "wish_of"
    NOTE = "note"
    TO = "to"


PRESCRIBER, PARTNER = ActorKind.PRESCRIBER, ActorKind.PARTNER
CLOCK, SYSTEM = ActorKind.CLOCK, ActorKind.SYSTEM

REQUESTED, ACKNOWLEDGED = ReferralState.REQUESTED, ReferralState.ACKNOWLEDGED
WAITLISTED, ACCEPTED = ReferralState.WAITLISTED, ReferralState.ACCEPTED
SCHEDULED, IN_PROGRESS = ReferralState.SCHEDULED, ReferralState.IN_PROGRESS
ON_HOLD, HANDED_OVER = ReferralState.ON_HOLD, ReferralState.HANDED_OVER
COMPLETED, FAILED = ReferralState.COMPLETED, ReferralState.FAILED
DECLINED, EXPIRED = ReferralState.DECLINED, ReferralState.EXPIRED
CANCELLED, LAPSED = ReferralState.CANCELLED, ReferralState.LAPSED
ENTERED_IN_ERROR = ReferralState.ENTERED_IN_ERROR

TAKEN = frozenset({ACCEPTED, SCHEDULED, IN_PROGRESS, ON_HOLD})
"""The venue has said yes and has not finished: only now does it see contact data."""

OPEN = TAKEN | {REQUESTED, ACKNOWLEDGED, WAITLISTED, HANDED_OVER}
"""Something is still expected of someone."""

REOPENABLE = frozenset({COMPLETED, FAILED, EXPIRED, DECLINED})

ANY = frozenset(ReferralState) - {ENTERED_IN_ERROR}

_SENT = frozenset({ReferralKind.INDIVIDUAL, ReferralKind.WORKSHOP})


@dataclass(frozen=True, slots=True)
class Move:
    """One row: `who` may take a referral of one of `kinds` from one of `sources` to `target` by telling `needs`.

    `within` and `after` bound the time since the referral's last change of state.
    """

    sources: frozenset[ReferralState]
    target: ReferralState
    who: frozenset[ActorKind]
    event: type[ReferralMoved]
    needs: frozenset[Fact] = frozenset()
    kinds: frozenset[ReferralKind] = field(default=frozenset(ReferralKind))
    within: timedelta | None = None
    after: timedelta | None = None


def _move(
    sources: Iterable[ReferralState],
    target: ReferralState,
    who: Iterable[ActorKind],
    event: type[ReferralMoved],
    *needs: Fact,
    kinds: frozenset[ReferralKind] = frozenset(ReferralKind),
    within: timedelta | None = None,
    after: timedelta | None = None,
) -> Move:
    return Move(frozenset(sources), target, frozenset(who), event, frozenset(needs), kinds, within, after)


# fmt: off
MOVES: dict[Command, tuple[Move, ...]] = {
    Command.ACKNOWLEDGE: (_move({REQUESTED}, ACKNOWLEDGED, {PARTNER}, ReferralAcknowledged),),
    Command.WAITLIST: (_move({REQUESTED, ACKNOWLEDGED}, WAITLISTED, {PARTNER}, ReferralWaitlisted),),
    Command.ACCEPT: (_move({REQUESTED, ACKNOWLEDGED, WAITLISTED}, ACCEPTED, {PARTNER}, ReferralAccepted),),
    Command.DECLINE: (
        _move({REQUESTED, ACKNOWLEDGED, WAITLISTED}, DECLINED, {PARTNER}, ReferralDeclined, Fact.REASON),
    ),
    Command.SCHEDULE: (
        _move({ACCEPTED, SCHEDULED, ON_HOLD}, SCHEDULED, {PARTNER, PRESCRIBER}, ReferralScheduled, Fact.APPOINTMENT),
    ),
    Command.ATTENDANCE: (  # `seen` goes on, any other attendance stays: see `target_of`
        _move({SCHEDULED}, IN_PROGRESS, {PARTNER}, ReferralAttendanceRecorded, Fact.ATTENDANCE),
        _move({SCHEDULED}, SCHEDULED, {PARTNER}, ReferralAttendanceRecorded, Fact.ATTENDANCE),
    ),
    Command.START: (
        _move({REQUESTED, ACKNOWLEDGED, ACCEPTED, SCHEDULED, ON_HOLD, HANDED_OVER}, IN_PROGRESS, {PARTNER}, ReferralStarted),
    ),
    Command.HOLD: (_move({ACCEPTED, SCHEDULED, IN_PROGRESS}, ON_HOLD, {PARTNER}, ReferralHeld, Fact.REASON),),
    Command.COMPLETE: (_move(TAKEN, COMPLETED, {PARTNER}, ReferralCompleted, Fact.OUTCOME),),
    Command.FAIL: (_move(TAKEN, FAILED, {PARTNER}, ReferralFailed, Fact.REASON),),
    Command.CANCEL: (
        _move(OPEN, CANCELLED, {PRESCRIBER, SYSTEM}, ReferralCancelled, Fact.REASON, Fact.WISH_OF),
        _move(TAKEN, CANCELLED, {PARTNER}, ReferralCancelled, Fact.REASON, Fact.WISH_OF),
    ),
    Command.EXPIRE: (_move({REQUESTED, ACKNOWLEDGED, WAITLISTED}, EXPIRED, {CLOCK}, ReferralExpired),),
    Command.LAPSE: (_move({HANDED_OVER}, LAPSED, {CLOCK}, ReferralLapsed, after=LAPSE_AFTER),),
    Command.REOPEN: (  # a signpost was never requested of anyone: it can only go on
        _move(REOPENABLE, REQUESTED, {PRESCRIBER}, ReferralReopened, Fact.NOTE, Fact.TO, kinds=_SENT, within=REOPEN_WITHIN),
        _move(REOPENABLE, IN_PROGRESS, {PRESCRIBER}, ReferralReopened, Fact.NOTE, Fact.TO, within=REOPEN_WITHIN),
    ),
    Command.CORRECT: (_move(ANY, ENTERED_IN_ERROR, {PRESCRIBER}, ReferralCorrected, Fact.REASON),),
}
"""Each command's rows; a move that is not here does not exist."""
# fmt: on

_R = ReferralReason
_NOT_PROVIDED = {
    _R.SERVICE_NOT_PROVIDED,
    _R.LANGUAGE_NOT_COVERED,
    _R.CARE_NOT_COVERED,
    _R.TEMPORARILY_CLOSED,
    _R.NO_CAPACITY,
}
_NOT_FOR_THEM = {_R.NOT_ELIGIBLE, _R.OUT_OF_AREA, _R.ALREADY_FOLLOWED, _R.MISSING_DOCUMENT}
_PERSON = {_R.PERSON_DECLINED, _R.COULD_NOT_CONTACT}

REASONS: dict[Command, frozenset[ReferralReason]] = {
    Command.DECLINE: frozenset({*_NOT_PROVIDED, *_NOT_FOR_THEM, *_PERSON, _R.WAITLIST_ONLY, _R.OTHER}),
    Command.HOLD: frozenset(
        {
            _R.COULD_NOT_CONTACT,
            _R.NO_SHOW,
            _R.MISSING_DOCUMENT,
            _R.TEMPORARILY_CLOSED,
            _R.NO_CAPACITY,
            _R.OTHER,
        }
    ),
    Command.FAIL: frozenset({*_NOT_PROVIDED, *_NOT_FOR_THEM, *_PERSON, _R.NO_SHOW, _R.OTHER}),
    Command.CANCEL: frozenset({*_NOT_PROVIDED, *_NOT_FOR_THEM, *_PERSON, _R.NO_SHOW, _R.OTHER}),
    Command.CORRECT: frozenset({_R.DATA_ERROR, _R.OTHER}),
}
"""The coded reasons that make sense for each command that needs one."""


def moves_from(
    state: ReferralState, kind: ReferralKind, role: ActorKind, since_change: timedelta
) -> Iterable[tuple[Command, Move]]:
    """Yield each move that a role may make now; `since_change` is the time since the last change of state."""
    for command, moves in MOVES.items():
        for move in moves:
            if (
                state in move.sources
                and kind in move.kinds
                and role in move.who
                and (move.within is None or since_change <= move.within)
                and (move.after is None or since_change >= move.after)
            ):
                yield command, move


def may_ever(command: Command, role: ActorKind) -> bool:
    """Tell whether some state lets this role give this command."""
    return any(role in move.who for move in MOVES[command])
