"""Events in: whatever concerns a subscriber becomes a delivery; an erased case takes its deliveries with it."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog

from services.notifications.intake import Intake
from services.notifications.notices import (
    Notice,
    assessment_notice,
    match_notice,
    referral_notice,
    told_types,
    uncovered_notice,
)
from services.notifications.repository import NotificationRepository
from services.notifications.subscription_index import SubscriptionIndex
from shared.events.assessments import AssessmentCompleted, AssessmentRevised
from shared.events.cases import CaseErased
from shared.events.envelope import Event
from shared.events.matches import MatchCompleted, NeedUncovered
from shared.events.payload import Payload
from shared.service import Handlers

log = structlog.get_logger()

MakeNotice = Callable[[Event[Any], str], Notice]

NOTICES: dict[type[Payload], MakeNotice] = {
    AssessmentCompleted: assessment_notice,
    AssessmentRevised: assessment_notice,
    MatchCompleted: match_notice,
    NeedUncovered: uncovered_notice,
}
"""How each type is told; every other type told is a referral's."""


async def enqueue_deliveries(
    event: Event[Any], *, make_notice: MakeNotice, index: SubscriptionIndex, intake: Intake, public_url: str
) -> None:
    """Enqueue a delivery for every endpoint that is to be told of the event; a repeat changes nothing."""
    notice = make_notice(event, public_url)
    wanting = index.wanting(notice)
    await asyncio.gather(*(intake.take(notice, subscription) for subscription in wanting))


async def drop_case(event: Event[CaseErased], *, repository: NotificationRepository) -> None:
    """Forget every delivery about an erased case; one that is just being sent is not recorded any more."""
    dropped = await repository.discard_case(event.aggregate_id)
    log.info("deliveries.case.dropped", deliveries=dropped)


def table(
    *, index: SubscriptionIndex, intake: Intake, repository: NotificationRepository, public_url: str
) -> Handlers:
    """Return what this service listens to."""
    enqueue = partial(enqueue_deliveries, index=index, intake=intake, public_url=public_url)
    told: Handlers = {
        payload: partial(enqueue, make_notice=NOTICES.get(payload, referral_notice))
        for payload in told_types().values()
    }
    return {**told, CaseErased: partial(drop_case, repository=repository)}
