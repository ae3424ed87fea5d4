"""Events of `relais.assessments`: what an interview concluded, once the professional has retained it."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.bus.topics import Topic
from shared.events.payload import Departement, NodePath, Payload
from shared.events.vocabulary import Adaptation, AgeBand, Band, Modality, Need, Profile, Public, Urgency

Score = Annotated[int, Field(ge=0, le=100)]

SITUATION_PURPOSE = "assessment.situation"
"""What the vault binds a sealed `Situation` to."""


class Scores(BaseModel):
    """Three scores from 0 (cannot) to 100 (at ease)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    access: Score
    skills: Score
    autonomy: Score


class RetainedNeed(BaseModel):
    """A need that the professional kept; priority 1 comes first."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    need: Need
    priority: Annotated[int, Field(ge=1, le=20)]


class AssessmentFacts(BaseModel):
    """What may be counted of an assessment: coarse, no place finer than a département, no exact age.

    `scores` and `profile` are absent from a screen, `band` from a full assessment. `ordinal` is 1 for a case's first
    assessment; `first_scores` and `previous_scores` let progress be counted without reading the past.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    departement: Departement | None
    age_band: AgeBand
    depth: Literal["screen", "full"]
    questionnaire: str
    questionnaire_version: str
    band: Band | None = None
    profile: Profile | None = None
    needs: tuple[RetainedNeed, ...] = ()
    scores: Scores | None = None
    confidence: Score
    urgency: Urgency = Urgency.STANDARD
    rights_given_up: bool | None = None
    overridden: bool = False
    ordinal: Annotated[int, Field(ge=1)]
    first_scores: Scores | None = None
    previous_scores: Scores | None = None


class Situation(BaseModel):
    """What matching needs and nobody else may read: the plain text of `sealed`.

    `reach_km` is how far the person can go in a straight line (0: cannot leave home); None: unknown.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    commune: Annotated[str, Field(pattern=r"^([013-9]\d|2[AB1-9])\d{3}$")] | None = None
    reach_km: Annotated[float, Field(ge=0, le=200)] | None = None
    adaptations: tuple[Adaptation, ...] = ()
    publics: tuple[Public, ...] = ()
    free_only: bool = False
    modality: Modality | None = None


class _AssessmentResult(Payload):
    topic: ClassVar[Topic] = Topic.ASSESSMENTS
    source: ClassVar[str] = "/relais/assessment"

    case_id: str
    owner: NodePath
    facts: AssessmentFacts
    sealed: str
    """A `Situation` in JSON, sealed under the case key for `SITUATION_PURPOSE`."""


class AssessmentCompleted(_AssessmentResult):
    """A professional retained what an assessment proposed. Matching starts from here."""

    event_type: ClassVar[str] = "fr.relais.assessment.completed.v1"


class AssessmentRevised(_AssessmentResult):
    """A professional changed their mind about a completed assessment: these values replace the earlier ones."""

    event_type: ClassVar[str] = "fr.relais.assessment.revised.v1"
