"""The HTTP surface of assessment."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse

from services.assessment.answers import AnswersRefused
from services.assessment.bodies import (
    UUID_PATTERN,
    AssessmentOut,
    NewAssessment,
    QuestionnaireOut,
    QuestionnaireSummary,
    Retain,
    SwitchedOff,
)
from services.assessment.catalogue import (
    Catalogue,
    GuidanceOfTheDay,
    QuestionnaireNotOffered,
    UnknownQuestionnaire,
)
from services.assessment.guidance import ShownPage
from services.assessment.interviews import Interviews
from services.assessment.model import NeedRepeated, ReasonMissing, ReasonWithoutChange, ScreenHasNoProfile
from services.assessment.pages.sheet import SheetPrinter
from services.assessment.progress import Progress
from services.assessment.switches import BlockNotSwitchable, BlockSwitches, InstitutionOnly
from shared.errors import NotFound
from shared.http.auth import MissingScope, Unauthenticated, acts, requires
from shared.http.components import component
from shared.http.idempotency import Idempotent, InvalidIdempotencyKey
from shared.http.paging import ListOf
from shared.http.problems import InvalidRequest, documented
from shared.idempotency import IdempotencyKeyReused
from shared.security.caller import Act, Caller, Scope
from shared.store.port import StaleVersion
from shared.vault.port import CaseErased, UnknownCase

questionnaires = APIRouter(prefix="/v1/questionnaires", tags=["assessment"])
assessments = APIRouter(prefix="/v1/assessments", tags=["assessment"])
progress = APIRouter(prefix="/v1/progress", tags=["assessment"])
guidance = APIRouter(prefix="/v1/guidance", tags=["assessment"])
ROUTERS = (questionnaires, assessments, progress, guidance)

Reader = Annotated[Caller, requires(Scope.ASSESSMENTS_READ)]
Opener = Annotated[Act, acts(Scope.ASSESSMENTS_READ)]
Writer = Annotated[Act, acts(Scope.ASSESSMENTS_WRITE)]
Questionnaires = Annotated[Catalogue, component(Catalogue)]
Switches = Annotated[BlockSwitches, component(BlockSwitches)]
Desk = Annotated[Interviews, component(Interviews)]
Printer = Annotated[SheetPrinter, component(SheetPrinter)]
Pages = Annotated[GuidanceOfTheDay, component(GuidanceOfTheDay)]
AssessmentId = Annotated[str, Path(pattern=UUID_PATTERN)]
CaseId = Annotated[str, Path(pattern=UUID_PATTERN)]

REFUSED = (Unauthenticated, MissingScope, InvalidRequest)
PRIVATE = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of a page about a person: kept nowhere, running nothing, framed by nobody."""


class NoParameters(BaseModel):
    """Refuses any query parameter: one that is ignored would mislead its caller."""

    model_config = ConfigDict(extra="forbid")


class GuidanceQuery(BaseModel):
    """Which pages; all of them when none is named."""

    model_config = ConfigDict(extra="forbid")

    procedure: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]] = Field(
        default=[], max_length=50
    )


Nothing = Annotated[NoParameters, Query()]


@questionnaires.get("", summary="List questionnaires", responses=documented(*REFUSED))
async def list_questionnaires(
    _caller: Reader, _query: Nothing, catalogue: Questionnaires
) -> ListOf[QuestionnaireSummary]:
    """Every version of every questionnaire, the newest first."""
    items = [QuestionnaireSummary.of(one) for one in catalogue.questionnaires]
    return ListOf(items=items, next=None)


@questionnaires.put(
    "/preferences",
    summary="Choose the blocks not to ask",
    responses=documented(*REFUSED, InstitutionOnly, BlockNotSwitchable, StaleVersion),
)
async def put_preferences(body: SwitchedOff, act: Writer, switches: Switches) -> SwitchedOff:
    """Switch blocks of questions off for the whole institution; those not named are asked."""
    return SwitchedOff(blocks_off=await switches.switch_off(act.caller, body.blocks_off))


@questionnaires.get(
    "/{questionnaire_id}/{version}",
    summary="Read a questionnaire",
    responses=documented(*REFUSED, UnknownQuestionnaire),
)
async def read_questionnaire(
    questionnaire_id: str,
    version: str,
    caller: Reader,
    _query: Nothing,
    catalogue: Questionnaires,
    switches: Switches,
) -> QuestionnaireOut:
    """The questions as this institution asks them."""
    found = catalogue.get(questionnaire_id, version)
    return QuestionnaireOut.of(found, await switches.off(caller.institution))


@assessments.post(
    "",
    status_code=201,
    summary="Score an interview",
    responses=documented(
        *REFUSED, AnswersRefused, QuestionnaireNotOffered, UnknownCase, CaseErased, InvalidIdempotencyKey,
        IdempotencyKeyReused, ReasonMissing, ReasonWithoutChange, ScreenHasNoProfile, NeedRepeated,
    ),
)  # fmt: skip
async def propose_assessment(body: NewAssessment, act: Writer, key: Idempotent, desk: Desk) -> AssessmentOut:
    """Propose a band, a profile and needs from answers; with `retain`, retain them at once."""
    return AssessmentOut.of(await desk.propose(body.to_domain(), act, key))


@assessments.get(
    "/{assessment_id}", summary="Read an assessment", responses=documented(*REFUSED, NotFound, CaseErased)
)
async def read_assessment(
    assessment_id: AssessmentId, act: Opener, _query: Nothing, desk: Desk
) -> AssessmentOut:
    """What was said, what is proposed and why, what was retained. Journalled."""
    return AssessmentOut.of(await desk.read(assessment_id, act))


@assessments.get(
    "/{assessment_id}/sheet",
    summary="Print the person's sheet",
    response_class=HTMLResponse,
    responses=documented(*REFUSED, NotFound, CaseErased),
)
async def print_sheet(
    assessment_id: AssessmentId, act: Opener, _query: Nothing, desk: Desk, pages: Pages, printer: Printer
) -> HTMLResponse:
    """One page of simple French for the person: what is suggested, how to have it looked at again, how to do it."""
    opened = await desk.read(assessment_id, act)
    return HTMLResponse(
        printer.print(opened, pages.shown(opened.evaluation.meaning.guidance)), headers=PRIVATE
    )


@assessments.post(
    "/{assessment_id}/retain",
    summary="Retain a result",
    responses=documented(
        *REFUSED, NotFound, CaseErased, StaleVersion, InvalidIdempotencyKey, IdempotencyKeyReused, ReasonMissing,
        ReasonWithoutChange, ScreenHasNoProfile, NeedRepeated,
    ),
)  # fmt: skip
async def retain_assessment(
    assessment_id: AssessmentId, body: Retain, act: Writer, key: Idempotent, desk: Desk
) -> AssessmentOut:
    """Retain what was proposed, or something else with a coded reason; again later to change one's mind."""
    return AssessmentOut.of(await desk.retain(assessment_id, body.to_domain(), act, key))


@progress.get(
    "/{case_id}", summary="Read a person's progress", responses=documented(*REFUSED, NotFound, CaseErased)
)
async def read_progress(case_id: CaseId, act: Opener, _query: Nothing, desk: Desk) -> Progress:
    """The latest assessment of a case against the first and the previous. Journalled."""
    return await desk.progress(case_id, act)


@guidance.get("", summary="How to do a procedure", responses=documented(*REFUSED))
async def read_guidance(
    _caller: Reader, query: Annotated[GuidanceQuery, Query()], pages: Pages
) -> ListOf[ShownPage]:
    """Procedures, online and without internet, with sources; facts older than twelve months are left out."""
    return ListOf(items=list(pages.shown(query.procedure or None)), next=None)
