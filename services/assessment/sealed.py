"""What a person said, in and out of its seals: the only place of this service that asks the vault."""

from pydantic import BaseModel, ConfigDict

from services.assessment.answers import Answer, AnswerSet
from services.assessment.catalogue import Catalogue
from services.assessment.evaluation import Evaluation, evaluate
from services.assessment.model import Assessment
from services.assessment.progress import Step
from shared.events.assessments import SITUATION_PURPOSE, Situation
from shared.events.vocabulary import AgeBand, Modality, Profile, Public
from shared.vault.port import UnknownCase, Vault

INTERVIEW_PURPOSE = "assessment.interview"
WISH_PURPOSE = "assessment.wish"


class _Value(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class About(_Value):
    """What is known of the person beside the answers; `commune` is an official INSEE code."""

    age_band: AgeBand = AgeBand.UNKNOWN
    commune: str | None = None
    departement: str | None = None
    publics: tuple[Public, ...] = ()
    free_only: bool = False
    modality: Modality | None = None


class Interview(_Value):
    """What is sealed of an interview: the plain text of `sealed_interview`."""

    answers: tuple[Answer, ...]
    blocks_off: tuple[str, ...]
    about: About
    note: str | None


class Opened(_Value):
    """An assessment with what its seals hold."""

    assessment: Assessment
    interview: Interview
    evaluation: Evaluation
    wish_text: str | None


class SealedInterviews:
    """Seals and opens what belongs to a case, under its key."""

    def __init__(self, vault: Vault, catalogue: Catalogue) -> None:
        self._vault = vault
        self._catalogue = catalogue

    async def new_case(self, case_id: str, institution: str) -> None:
        """Make the key of a new case; a repeat changes nothing."""
        await self._vault.create(case_id, institution)

    async def check_case(self, case_id: str, institution: str) -> None:
        """Let a case of this institution pass.

        Raises:
            UnknownCase: it is another institution's, or nobody's.
            CaseErased: its key was destroyed.
        """
        if await self._vault.owner(case_id) != institution:
            raise UnknownCase(case_id)

    async def seal_interview(self, case_id: str, interview: Interview) -> str:
        """Seal what was said."""
        return await self._vault.seal(case_id, INTERVIEW_PURPOSE, interview.model_dump_json().encode())

    async def seal_situation(self, case_id: str, about: About, evaluation: Evaluation) -> str:
        """Seal what matching needs, for whoever matches."""
        situation = Situation(
            commune=about.commune,
            reach_km=evaluation.meaning.reach_km,
            adaptations=evaluation.meaning.adaptations,
            publics=about.publics,
            free_only=about.free_only,
            modality=about.modality,
        )
        return await self._vault.seal(case_id, SITUATION_PURPOSE, situation.model_dump_json().encode())

    async def seal_wish(self, case_id: str, text: str | None) -> str | None:
        """Seal what the person wants, in their words."""
        return None if text is None else await self._vault.seal(case_id, WISH_PURPOSE, text.encode())

    async def open(self, assessment: Assessment) -> Opened:
        """Open everything sealed of an assessment, and explain its figures again from the answers.

        The explanation is not stored: it is made again by the version the answers were given with, whose
        conclusions are held still by a test.
        """
        interview = await self._interview(assessment)
        sealed_wish = assessment.retained.sealed_wish if assessment.retained else None
        wish = await self._vault.open(assessment.case_id, WISH_PURPOSE, sealed_wish) if sealed_wish else None
        return Opened(
            assessment=assessment,
            interview=interview,
            evaluation=self._explain(assessment, interview),
            wish_text=wish.decode() if wish is not None else None,
        )

    async def step(self, assessment: Assessment) -> Step:
        """What progress needs of a completed assessment."""
        evaluation = self._explain(assessment, await self._interview(assessment))
        profile = assessment.retained.profile if assessment.retained else None
        return Step(
            assessment_id=assessment.id,
            assessed_at=assessment.created_at,
            questionnaire_id=assessment.questionnaire_id,
            questionnaire_version=assessment.questionnaire_version,
            profile=profile or Profile.UNDETERMINED,
            figures=assessment.figures,
            skill_ranks=evaluation.meaning.skill_ranks,
        )

    async def _interview(self, assessment: Assessment) -> Interview:
        plain = await self._vault.open(assessment.case_id, INTERVIEW_PURPOSE, assessment.sealed_interview)
        return Interview.model_validate_json(plain)

    def _explain(self, assessment: Assessment, interview: Interview) -> Evaluation:
        questionnaire = self._catalogue.get(assessment.questionnaire_id, assessment.questionnaire_version)
        answer_set = AnswerSet(
            questionnaire, assessment.depth, interview.answers, frozenset(interview.blocks_off)
        )
        return evaluate(answer_set)
