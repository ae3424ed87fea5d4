"""Events this service listens to. Each becomes a change of one fact; a repeat changes nothing."""

from functools import partial
from typing import Any

import structlog

from services.statistics.cube import Cube
from services.statistics.ledger import Decide, Ledger
from services.statistics.metrics import CASES, FACTS
from services.statistics.model import decide_assessment, decide_creation, decide_match, decide_move
from shared.events.assessments import AssessmentCompleted, AssessmentRevised
from shared.events.cases import CaseErased
from shared.events.envelope import Event
from shared.events.matches import MatchCompleted
from shared.events.payload import Payload
from shared.events.referrals import (
    ReferralAccepted,
    ReferralAcknowledged,
    ReferralAttendanceRecorded,
    ReferralCancelled,
    ReferralCompleted,
    ReferralCorrected,
    ReferralCreated,
    ReferralDeclined,
    ReferralExpired,
    ReferralFailed,
    ReferralHeld,
    ReferralLapsed,
    ReferralReopened,
    ReferralScheduled,
    ReferralStarted,
    ReferralWaitlisted,
)
from shared.service import Handler, Handlers

log = structlog.get_logger()


async def record_fact(event: Event[Any], *, decide: Decide, ledger: Ledger, cube: Cube) -> None:
    """Take an event into the fact of its aggregate."""
    recorded = await ledger.record(event, event.data.case_id, decide)
    outcome = "recorded" if recorded else "repeat"
    FACTS.labels(event.type, outcome).inc()
    CASES.set(len(cube))
    log.info("statistics.fact.taken", event_id=event.id, type=event.type, outcome=outcome)


async def unlink_case(event: Event[CaseErased], *, ledger: Ledger) -> None:
    """Drop the pseudonym of an erased case; a repeat finds nothing left."""
    log.info("statistics.case.unlinked", event_id=event.id, facts=await ledger.unlink(event))


MOVES: tuple[type[Payload], ...] = (
    ReferralAcknowledged,
    ReferralWaitlisted,
    ReferralAccepted,
    ReferralDeclined,
    ReferralScheduled,
    ReferralAttendanceRecorded,
    ReferralStarted,
    ReferralHeld,
    ReferralCompleted,
    ReferralFailed,
    ReferralCancelled,
    ReferralExpired,
    ReferralLapsed,
    ReferralReopened,
    ReferralCorrected,
)


def table(ledger: Ledger, cube: Cube) -> Handlers:
    """Event → handler."""

    def taking(decide: Decide) -> Handler:
        return partial(record_fact, decide=decide, ledger=ledger, cube=cube)

    return {
        AssessmentCompleted: taking(decide_assessment),
        AssessmentRevised: taking(decide_assessment),
        MatchCompleted: taking(decide_match),
        ReferralCreated: taking(decide_creation),
        **dict.fromkeys(MOVES, taking(decide_move)),
        CaseErased: partial(unlink_case, ledger=ledger),
    }
