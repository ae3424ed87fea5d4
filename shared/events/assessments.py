"""Events of `relais.assessments`: what an interview concluded, once the professional has retained it."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, Field

from shared.bus.topics import Topic
from shared.events.payload import PUBLISHED, Departement, NodePath, Payload
from shared.events.vocabulary import Adaptation, AgeBand, Band, Modality, Need, Profile, Public, Urgency

Score = Annotated[int, Field(ge=0, le=100)]

SITUATION_PURPOSE = "assessment.situation"
"""What the vault binds a sealed `Situation` to."""


class Scores(BaseModel):
    """Three scores from 0 (cannot) to 100 (at ease)."""

    model_config = PUBLISHED

    access: Score
    """Equipment and connection: 0 none, 100 at home and sufficient."""
    skills: Score
    """Skills: 0 none, 100 at ease."""
    autonomy: Score
    """Procedures online: 0 always with somebody, 100 alone."""


class RetainedNeed(BaseModel):
    """A need that the professional kept; priority 1 comes first."""

    model_config = PUBLISHED

    need: Need
    """The need kept."""
    priority: Annotated[int, Field(ge=1, le=20)]
    """1 comes first."""


class AssessmentFacts(BaseModel):
    """What may be counted of an assessment: coarse, no place finer than a département, no exact age.

    `scores` and `profile` are absent from a screen, `band` from a full assessment. `ordinal` is 1 for a case's first
    assessment; `first_scores` and `previous_scores` let progress be counted without reading the past.
    """

    model_config = PUBLISHED

    departement: Departement | None
    """Where the person lives; null: not said."""
    age_band: AgeBand
    """Ten-year band of the person's age."""
    depth: Literal["screen", "full"]
    """`screen`: three questions and a band; `full`: scores and a profile."""
    questionnaire: str
    """Id of the questionnaire answered."""
    questionnaire_version: str
    """Its version: the one that scored the answers."""
    band: Band | None = None
    """What a screen concluded."""
    profile: Profile | None = None
    """The profile retained by the professional."""
    needs: tuple[RetainedNeed, ...] = ()
    """The needs retained by the professional."""
    scores: Scores | None = None
    """The three scores, when all are known."""
    confidence: Score
    """How much the scores can be relied on, 0 to 100."""
    urgency: Urgency = Urgency.STANDARD
    """Whether a right is at stake within ten days."""
    rights_given_up: bool | None = None
    """Rights given up in the last 12 months; null: not said."""
    overridden: bool = False
    """Whether the professional retained something else than what was proposed."""
    ordinal: Annotated[int, Field(ge=1)]
    """1 for the first assessment of the case."""
    first_scores: Scores | None = None
    """Scores of the case's first assessment."""
    previous_scores: Scores | None = None
    """Scores of the case's assessment before this one."""


class Situation(BaseModel):
    """What matching needs and nobody else may read: the plain text of `sealed`.

    `reach_km` is how far the person can go in a straight line (0: cannot leave home); None: unknown.
    """

    model_config = PUBLISHED

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
    """The case, a random id."""
    owner: NodePath
    """Node of the institution that assessed."""
    facts: AssessmentFacts
    """What may be counted."""
    sealed: str
    """A `Situation` in JSON, sealed under the case key for `SITUATION_PURPOSE`."""


class AssessmentCompleted(_AssessmentResult):
    """A professional retained what an assessment proposed. Matching starts from here."""

    event_type: ClassVar[str] = "fr.relais.assessment.completed.v1"


class AssessmentRevised(_AssessmentResult):
    """A professional changed their mind about a completed assessment: these values replace the earlier ones."""

    event_type: ClassVar[str] = "fr.relais.assessment.revised.v1"
