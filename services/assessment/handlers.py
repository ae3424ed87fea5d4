"""Events this service listens to: a case that was erased is forgotten."""

from functools import partial

import structlog

from services.assessment.repository import AssessmentRepository
from shared.events.cases import CaseErased
from shared.events.envelope import Event
from shared.service import Handlers

log = structlog.get_logger()


async def forget_case(event: Event[CaseErased], *, repository: AssessmentRepository) -> None:
    """Remove every assessment of an erased case; a repeat finds none."""
    removed = await repository.forget_case(event.aggregate_id)
    log.info("assessment.case.forgotten", event_id=event.id, removed=removed)


def table(repository: AssessmentRepository) -> Handlers:
    """Event → handler."""
    return {CaseErased: partial(forget_case, repository=repository)}
