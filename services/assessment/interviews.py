"""What may be done with an assessment: propose, retain, read, compare. Loads, asks the domain, seals, saves.

Each opening of what a person said is journalled with the agent who asked for it.
"""

from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict

from services.assessment.answers import Answer, AnswerSet, check_answers
from services.assessment.catalogue import Catalogue, QuestionnaireNotOffered
from services.assessment.evaluation import Evaluation, evaluate
from services.assessment.metrics import ASSESSMENTS
from services.assessment.model import (
    Assessment,
    Decision,
    NeedLevel,
    Published,
    Retention,
    Standing,
    by_completion,
    retain,
    standing_after,
)
from services.assessment.progress import Progress, progress
from services.assessment.questionnaire import Depth
from services.assessment.repository import AssessmentRepository
from services.assessment.sealed import About, Interview, Opened, SealedInterviews
from services.assessment.switches import BlockSwitches
from shared.clock import Clock
from shared.idempotency import RequestKey, already_done, check_same_request, remember
from shared.ids import derived_id
from shared.security.caller import Act
from shared.store.port import AlreadyExists
from shared.store.retry import deciding_again
from shared.vault.port import UnknownCase

log = structlog.get_logger()


class Retaining(BaseModel):
    """A professional's decision, with the person's wish in free words."""

    model_config = ConfigDict(frozen=True)

    decision: Decision
    wish_text: str | None = None


class Proposal(BaseModel):
    """An interview to score; `retaining` makes one call of two."""

    model_config = ConfigDict(frozen=True)

    case_id: str | None
    depth: Depth
    questionnaire_id: str
    questionnaire_version: str
    answers: tuple[Answer, ...]
    about: About
    note: str | None
    retaining: Retaining | None


class Interviews:
    """The use cases of this service."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        repository: AssessmentRepository,
        sealed: SealedInterviews,
        switches: BlockSwitches,
        clock: Clock,
    ) -> None:
        self._catalogue = catalogue
        self._repository = repository
        self._sealed = sealed
        self._switches = switches
        self._clock = clock

    async def propose(self, proposal: Proposal, act: Act, key: RequestKey) -> Opened:
        """Score an interview and store it, sealed; retain at once when asked.

        Raises:
            QuestionnaireNotOffered, AnswersRefused: the interview does not fit.
            UnknownCase, CaseErased: the case named is not there for this caller.
            IdempotencyKeyReused: the key served another body.
        """
        answer_set = self._check(proposal, await self._switches.off(act.caller.institution))
        evaluation = evaluate(answer_set)
        past = await self._past(proposal, act)
        assessment_id = key.creation_id(act.caller)
        case_id = proposal.case_id or await self._new_case(assessment_id, act)
        interview = Interview(
            answers=answer_set.ordered(),
            blocks_off=tuple(sorted(answer_set.blocks_off)),
            about=proposal.about,
            note=proposal.note,
        )
        assessment = Assessment(
            id=assessment_id,
            created_at=self._clock.now(),
            owner=act.owner,
            case_id=case_id,
            agent=act.agent,
            service=act.service,
            sealed_interview=await self._sealed.seal_interview(case_id, interview),
            sealed_situation=await self._sealed.seal_situation(case_id, proposal.about, evaluation),
            fingerprint=key.fingerprint,
            **_concluded(proposal, evaluation),
        )
        events: Published = []
        if proposal.retaining:
            assessment, events = await self._decided(
                assessment, proposal.retaining, act, standing_after(past)
            )
        wish = proposal.retaining.wish_text if proposal.retaining else None
        opened = Opened(assessment=assessment, interview=interview, evaluation=evaluation, wish_text=wish)
        return await self._added(opened, events, act, key)

    async def retain(self, assessment_id: str, retaining: Retaining, act: Act, key: RequestKey) -> Opened:
        """Retain a profile and needs, or change what was retained.

        Raises:
            NotFound, CaseErased, IdempotencyKeyReused, and what `model.retain` refuses.
        """

        async def decide() -> Assessment:
            current = await self._repository.get(assessment_id, act.caller)
            if already_done(current.commands, key, act.caller):
                return current
            changed, events = await self._decided(current, retaining, act, await self._standing(current))
            if not events:
                return current
            commands = remember(current.commands, key, act.caller, current.version + 1)
            stored = await self._repository.save(changed.model_copy(update={"commands": commands}), events)
            _count(stored)
            return stored

        return await self._sealed.open(await deciding_again(decide))

    async def read(self, assessment_id: str, act: Act) -> Opened:
        """Open an assessment, journalled.

        Raises:
            NotFound, CaseErased.
        """
        opened = await self._sealed.open(await self._repository.get(assessment_id, act.caller))
        self._journal("assessment.interview.opened", act, assessment_id=assessment_id)
        return opened

    async def progress(self, case_id: str, act: Act) -> Progress:
        """Compare the completed full assessments of a case that this caller may see, journalled.

        Raises:
            NotFound, CaseErased.
        """
        seen = by_completion(await self._repository.of_case_seen_by(case_id, act.caller))
        steps = [await self._sealed.step(one) for one in seen if one.depth is Depth.FULL]
        self._journal("assessment.progress.opened", act, assessments=len(steps))
        return progress(steps)

    def _check(self, proposal: Proposal, blocks_off: frozenset[str]) -> AnswerSet:
        questionnaire = self._catalogue.find(proposal.questionnaire_id, proposal.questionnaire_version)
        if questionnaire is None:
            raise QuestionnaireNotOffered(self._catalogue.names())
        return check_answers(questionnaire, proposal.depth, proposal.answers, blocks_off=blocks_off)

    async def _new_case(self, assessment_id: str, act: Act) -> str:
        case_id = derived_id(assessment_id, "case")
        await self._sealed.new_case(case_id, act.caller.institution)
        return case_id

    async def _past(self, proposal: Proposal, act: Act) -> list[Assessment]:
        """The completed assessments of the case named; a new case has no past to read.

        Sight follows the subtree: a case already assessed elsewhere in the institution is not this caller's to join.
        """
        if proposal.case_id is None:
            return []
        await self._sealed.check_case(proposal.case_id, act.caller.institution)
        others = await self._repository.of_case(proposal.case_id)
        if others and not any(act.caller.sees(one.owner) for one in others):
            raise UnknownCase(proposal.case_id)
        return by_completion(others)

    async def _standing(self, assessment: Assessment) -> Standing:
        """Where this assessment comes in its case.

        Two assessments of one case retained in the same instant may take the same place: each reads the case before
        the other is stored. It takes two professionals with one person; their scores stay right.
        """
        if assessment.standing is not None:
            return assessment.standing
        return standing_after(by_completion(await self._repository.of_case(assessment.case_id)))

    async def _decided(
        self, assessment: Assessment, retaining: Retaining, act: Act, standing: Standing
    ) -> Retention:
        return retain(
            assessment,
            retaining.decision,
            agent=act.agent,
            service=act.service,
            at=self._clock.now(),
            standing=standing,
            sealed_wish=await self._sealed.seal_wish(assessment.case_id, retaining.wish_text),
        )

    async def _added(self, opened: Opened, events: Published, act: Act, key: RequestKey) -> Opened:
        try:
            stored = await self._repository.add(opened.assessment, events)
        except AlreadyExists:
            earlier = await self._repository.get(opened.assessment.id, act.caller)
            check_same_request(earlier.fingerprint, key)
            return await self._sealed.open(earlier)
        _count(stored)
        return opened.model_copy(update={"assessment": stored})

    def _journal(self, event: str, act: Act, **facts: str | int) -> None:
        log.info(event, agent=act.agent, service=act.service, client_id=act.caller.client_id, **facts)


def _concluded(proposal: Proposal, evaluation: Evaluation) -> dict[str, Any]:
    """What is kept in clear of an interview: figures and words of closed lists, nothing the person said."""
    return {
        "depth": proposal.depth,
        "questionnaire_id": proposal.questionnaire_id,
        "questionnaire_version": proposal.questionnaire_version,
        "departement": proposal.about.departement,
        "age_band": proposal.about.age_band,
        "urgency": evaluation.meaning.urgency,
        "rights_given_up": evaluation.meaning.rights_at_risk,
        "confidence": evaluation.confidence.figure,
        "band": evaluation.band.band,
        "figures": evaluation.figures(),
        "proposed_profile": evaluation.proposed_profile(),
        "proposed_needs": tuple(NeedLevel(need=one.need, priority=one.priority) for one in evaluation.needs),
    }


def _count(stored: Assessment) -> None:
    outcome = "revised" if stored.replaced else stored.state.value
    ASSESSMENTS.labels(depth=stored.depth.value, outcome=outcome).inc()
    log.info("assessment.result.stored", assessment_id=stored.id, depth=stored.depth.value, outcome=outcome)
