"""What the routes of this service take and give: JSON bodies, and their way to and from the domain."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from services.assessment.answers import Answer
from services.assessment.conditions import ScoreName
from services.assessment.evaluation import Contradictory
from services.assessment.interviews import Proposal, Retaining
from services.assessment.model import ChangeReason, Decision, PersonWish, Retained, State
from services.assessment.needs import ProposedNeed
from services.assessment.questionnaire import NO_ANSWER, Depth, Identifier, KnownBy, Questionnaire
from services.assessment.scoring import Confidence, Contribution, Score
from services.assessment.sealed import About, Opened
from shared.events.payload import Departement
from shared.events.vocabulary import Adaptation, AgeBand, Band, Modality, Need, Profile, Public, Urgency
from shared.security.nir import FreeText, contains_nir

UUID_PATTERN = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
CaseId = Annotated[str, Field(pattern=UUID_PATTERN)]

_DEPARTEMENT: TypeAdapter[str] = TypeAdapter(Departement)


def departement_of(commune: str) -> str:
    """The département of an INSEE code: three characters overseas, two elsewhere.

    >>> departement_of("93008"), departement_of("2A004"), departement_of("97411")
    ('93', '2A', '974')
    """
    return commune[:3] if commune[:2] in {"97", "98"} else commune[:2]


def _known_place(commune: str) -> str:
    try:
        _DEPARTEMENT.validate_python(departement_of(commune))
    except ValidationError:
        raise ValueError(
            "it is not the INSEE code of a commune (93008 for Bobigny; not the postal code)"
        ) from None
    return commune


def _no_nir(identifier: str) -> str:
    if contains_nir(identifier):
        raise ValueError("it holds a social-security number (NIR), which must never be written here")
    return identifier


Commune = Annotated[str, Field(pattern=r"^([013-9]\d|2[AB1-9])\d{3}$"), AfterValidator(_known_place)]
Name = Annotated[Identifier, AfterValidator(_no_nir)]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AnswerGiven(_Input):
    """One answer. A skill also says how it is known."""

    question: Name
    choices: tuple[Name, ...] = Field(min_length=1, max_length=32)
    known_by: KnownBy | None = None


class QuestionnaireName(_Input):
    """Which version the answers were given to."""

    id: Name
    version: str = Field(pattern=r"^[0-9]{4}-[0-9]{1,3}$")


class AboutPerson(_Input):
    """What is known of the person beside the answers. `commune` is an INSEE code; nothing here names anybody."""

    age_band: AgeBand = AgeBand.UNKNOWN
    commune: Commune | None = None
    publics: tuple[Public, ...] = Field(default=(), max_length=10)
    free_only: bool = False
    modality: Modality | None = None

    def to_domain(self) -> About:
        """As the domain knows it, with the département."""
        departement = departement_of(self.commune) if self.commune else None
        return About(**self.model_dump(), departement=departement)


class Retain(_Input):
    """What the professional retains; `needs` come by priority.

    What is left out stays as it was retained before, or else as it was proposed.
    """

    profile: Profile | None = None
    needs: tuple[Need, ...] | None = Field(default=None, max_length=20)
    profile_reason: ChangeReason | None = None
    needs_reason: ChangeReason | None = None
    person_wish: PersonWish | None = None
    person_wish_text: FreeText | None = None

    def to_domain(self) -> Retaining:
        """As the domain knows it."""
        decision = Decision(**self.model_dump(exclude={"person_wish_text"}))
        return Retaining(decision=decision, wish_text=self.person_wish_text)


class NewAssessment(_Input):
    """An interview. Without `case_id` a new case begins; with `retain` its result is retained at once."""

    case_id: CaseId | None = None
    depth: Depth
    questionnaire: QuestionnaireName
    answers: tuple[AnswerGiven, ...] = Field(max_length=200)
    about: AboutPerson = AboutPerson()
    note: FreeText | None = None
    retain: Retain | None = None

    def to_domain(self) -> Proposal:
        """As the domain knows it."""
        return Proposal(
            case_id=self.case_id,
            depth=self.depth,
            questionnaire_id=self.questionnaire.id,
            questionnaire_version=self.questionnaire.version,
            answers=tuple(Answer(**one.model_dump()) for one in self.answers),
            about=self.about.to_domain(),
            note=self.note,
            retaining=self.retain.to_domain() if self.retain else None,
        )


class SwitchedOff(_Input):
    """The blocks of questions that an institution does not ask."""

    blocks_off: tuple[Name, ...] = Field(max_length=20)


class _Output(BaseModel):
    model_config = ConfigDict(frozen=True)


class ProposedProfile(_Output):
    """The profile proposed, the row of the table that gave it, and the questions still needed."""

    profile: Profile
    row: str | None
    questions_needed: tuple[str, ...]


class ProposedBand(_Output):
    """The band of the three-question screen."""

    band: Band
    row: str | None
    questions_needed: tuple[str, ...]


class ScoreOut(_Output):
    """One figure; its contributions add up to it."""

    name: ScoreName
    figure: int | None
    answered_percent: int
    contributions: tuple[Contribution, ...]

    @classmethod
    def of(cls, score: Score) -> "ScoreOut":
        """As it is shown."""
        return cls(**score.model_dump(exclude={"lowest", "highest"}))


class Proposed(_Output):
    """What the questionnaire proposes, with its explanation."""

    band: ProposedBand
    profile: ProposedProfile | None
    scores: tuple[ScoreOut, ...]
    confidence: Confidence
    contradictions: tuple[Contradictory, ...]
    needs: tuple[ProposedNeed, ...]
    adaptations: tuple[Adaptation, ...]
    reach_km: float | None
    urgency: Urgency
    rights_given_up: bool | None
    guidance: tuple[str, ...]


class RetainedOut(_Output):
    """What the professional retained."""

    profile: Profile | None
    needs: tuple[Need, ...]
    profile_reason: ChangeReason | None
    needs_reason: ChangeReason | None
    person_wish: PersonWish
    person_wish_text: str | None
    overridden: bool
    agent: str
    service: str
    at: datetime
    review_on: date | None

    @classmethod
    def of(cls, retained: Retained, wish_text: str | None) -> "RetainedOut":
        """As it is shown."""
        return cls(**retained.model_dump(exclude={"sealed_wish"}), person_wish_text=wish_text)


class AssessmentOut(_Output):
    """An assessment, opened: what was said, what is proposed and why, what was retained."""

    id: str
    case_id: str
    state: State
    created_at: datetime
    depth: Depth
    questionnaire: QuestionnaireName
    agent: str
    service: str
    answers: tuple[Answer, ...]
    about: AboutPerson
    note: str | None
    proposed: Proposed
    retained: RetainedOut | None
    revisions: int
    ordinal: int | None
    links: dict[str, str]

    @classmethod
    def of(cls, opened: Opened) -> "AssessmentOut":
        """As it is shown."""
        assessment, interview = opened.assessment, opened.interview
        retained = assessment.retained
        return cls(
            id=assessment.id,
            case_id=assessment.case_id,
            state=assessment.state,
            created_at=assessment.created_at,
            depth=assessment.depth,
            questionnaire=QuestionnaireName(
                id=assessment.questionnaire_id, version=assessment.questionnaire_version
            ),
            agent=assessment.agent,
            service=assessment.service,
            answers=interview.answers,
            about=AboutPerson(**interview.about.model_dump(exclude={"departement"})),
            note=interview.note,
            proposed=_proposed(opened),
            retained=RetainedOut.of(retained, opened.wish_text) if retained else None,
            revisions=len(assessment.replaced),
            ordinal=assessment.standing.ordinal if assessment.standing else None,
            links={
                "self": f"/v1/assessments/{assessment.id}",
                "sheet": f"/v1/assessments/{assessment.id}/sheet",
                "retain": f"/v1/assessments/{assessment.id}/retain",
                "progress": f"/v1/progress/{assessment.case_id}",
            },
        )


def _proposed(opened: Opened) -> Proposed:
    evaluation = opened.evaluation
    meaning = evaluation.meaning
    return Proposed(
        band=ProposedBand(**evaluation.band.model_dump()),
        profile=ProposedProfile(**evaluation.profile.model_dump()) if evaluation.profile else None,
        scores=tuple(ScoreOut.of(score) for score in evaluation.scores),
        confidence=evaluation.confidence,
        contradictions=evaluation.contradictions,
        needs=evaluation.needs,
        adaptations=meaning.adaptations,
        reach_km=meaning.reach_km,
        urgency=meaning.urgency,
        rights_given_up=meaning.rights_at_risk,
        guidance=meaning.guidance,
    )


class QuestionnaireSummary(_Output):
    """One version of a questionnaire, in a list."""

    id: str
    version: str
    language: str
    title: str
    notice: str
    questions: dict[Depth, int]

    @classmethod
    def of(cls, questionnaire: Questionnaire) -> "QuestionnaireSummary":
        """As it is listed."""
        depths = [question.depth for question in questionnaire.questions()]
        return cls(
            id=questionnaire.id,
            version=questionnaire.version,
            language=questionnaire.language,
            title=questionnaire.title,
            notice=questionnaire.notice,
            questions={Depth.SCREEN: depths.count(Depth.SCREEN), Depth.FULL: len(depths)},
        )


class ChoiceOut(_Output):
    """A choice as it is offered."""

    id: str
    text: str
    points: dict[ScoreName, int]
    exclusive: bool


class QuestionOut(_Output):
    """A question as it is asked; `shown_if` tells when."""

    id: str
    text: str
    help: str | None
    depth: Depth
    multiple: bool
    skill: bool
    shown_if: dict[str, Any] | None
    choices: tuple[ChoiceOut, ...]


class BlockOut(_Output):
    """Questions asked together."""

    id: str
    title: str
    intro: str | None
    optional: bool
    questions: tuple[QuestionOut, ...]


class QuestionnaireOut(_Output):
    """A version as this institution asks it: blocks switched off are left out, each question offers `no_answer`."""

    id: str
    version: str
    language: str
    title: str
    notice: str
    known_by: tuple[KnownBy, ...]
    blocks: tuple[BlockOut, ...]

    @classmethod
    def of(cls, questionnaire: Questionnaire, blocks_off: frozenset[str]) -> "QuestionnaireOut":
        """As it is asked."""
        none = ChoiceOut(id=NO_ANSWER, text=questionnaire.no_answer_text, points={}, exclusive=True)
        blocks = [block for block in questionnaire.blocks if block.id not in blocks_off]
        return cls(
            **questionnaire.model_dump(include={"id", "version", "language", "title", "notice"}),
            known_by=tuple(KnownBy),
            blocks=tuple(
                BlockOut(
                    id=block.id,
                    title=block.title,
                    intro=block.intro,
                    optional=block.optional,
                    questions=tuple(
                        QuestionOut(
                            **question.model_dump(
                                include={"id", "text", "help", "depth", "multiple", "skill"}
                            ),
                            shown_if=question.shown_if.model_dump(by_alias=True)
                            if question.shown_if
                            else None,
                            choices=(
                                *(ChoiceOut(**one.model_dump(exclude={"rank"})) for one in question.choices),
                                none,
                            ),
                        )
                        for question in block.questions
                    ),
                )
                for block in blocks
            ),
        )
