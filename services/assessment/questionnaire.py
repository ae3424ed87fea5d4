"""The questionnaire as data: the shape of one immutable version.

Questions, choices, weights, rules and texts are read from a file; no code knows a question. What makes a version
fit for use is checked in `questionnaire_checks`.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.assessment.conditions import Condition, ScoreName
from services.assessment.decision_table import DecisionTable, Part, Range, Row, Values
from shared.events.vocabulary import Need

NO_ANSWER = "no_answer"
"""The choice every question offers; it is added by the loader, so that no file can leave it out."""

SCORE_MAXIMUM = 100

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Points = Annotated[int, Field(ge=0, le=SCORE_MAXIMUM)]
ScorePoints = dict[ScoreName, Points]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Depth(StrEnum):
    """How far the conversation goes: three questions at a front desk, or the whole evaluation."""

    SCREEN = "screen"
    FULL = "full"


class KnownBy(StrEnum):
    """How the professional knows a skill: people misjudge themselves."""

    SAID = "said"
    SEEN = "seen"
    SAID_BY_RELATIVE = "said_by_relative"


class Priority(StrEnum):
    """How soon a need should be met."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Choice(_Part):
    """One possible answer. `rank` orders the levels of a skill; `exclusive` goes with no other choice."""

    id: Identifier
    text: str = Field(min_length=1)
    points: ScorePoints = Field(default_factory=dict)
    rank: int | None = None
    exclusive: bool = False


class Question(_Part):
    """One question. A skill also asks how the professional knows."""

    id: Identifier
    text: str = Field(min_length=1)
    help: str | None = None
    depth: Depth = Depth.FULL
    multiple: bool = False
    skill: bool = False
    shown_if: Condition | None = None
    points_when_hidden: ScorePoints = Field(default_factory=dict)
    choices: tuple[Choice, ...] = Field(min_length=2)

    @cached_property
    def choice_by_id(self) -> Mapping[str, Choice]:
        """Choices by id."""
        return {choice.id: choice for choice in self.choices}

    @cached_property
    def maxima(self) -> Mapping[ScoreName, int]:
        """The most points this question can bring to each score."""
        return {name: max(choice.points.get(name, 0) for choice in self.choices) for name in ScoreName}

    def choice(self, choice_id: str) -> Choice | None:
        """The choice of that id; none for `no_answer`, which weighs nothing."""
        return self.choice_by_id.get(choice_id)

    def maximum(self, score: ScoreName) -> int:
        """The most points this question can bring to a score."""
        return self.maxima[score]


class Block(_Part):
    """Questions asked together; an institution may switch a `switchable` block off."""

    id: Identifier
    title: str = Field(min_length=1)
    intro: str | None = None
    switchable: bool = False
    optional: bool = False
    questions: tuple[Question, ...] = Field(min_length=1)


class AxisFile(_Part):
    """Where a table's axis comes from: a score, or the choices of one question mapped to values."""

    id: Identifier
    score: ScoreName | None = None
    question: str | None = None
    values: dict[str, str] = Field(default_factory=dict)


class RowFile(_Part):
    """A row of a decision table: `when` gives `[low, high]` for a score axis, a list of values for another."""

    id: Identifier
    outcome: str
    when: dict[str, list[int] | list[str]] = Field(default_factory=dict)


class TableFile(_Part):
    """A decision table as written in the file."""

    axes: tuple[AxisFile, ...] = Field(min_length=1)
    rows: tuple[RowFile, ...] = Field(min_length=1)

    def build(self, name: str) -> DecisionTable:
        """The table, ready to be checked."""
        axes: dict[str, Part] = {
            axis.id: Range(0, SCORE_MAXIMUM)
            if axis.score
            else Values(tuple(dict.fromkeys(axis.values.values())))
            for axis in self.axes
        }
        rows = tuple(
            Row(row.id, row.outcome, {axis: _part(part) for axis, part in row.when.items()})
            for row in self.rows
        )
        return DecisionTable(name, axes, rows)


class ProfileRules(_Part):
    """How a profile is found. Under `minimum_answered_percent` of a score's weight, the score is not trusted."""

    minimum_answered_percent: int = Field(ge=0, le=100)
    table: TableFile


class NeedRule(_Part):
    """A need arises when its condition holds; `because` is said to the professional."""

    id: Identifier
    need: Need
    priority: Priority
    because: str = Field(min_length=1)
    when: Condition


class Contradiction(_Part):
    """Two answers that hardly go together; a question to ask again, never a reproach."""

    id: Identifier
    text: str = Field(min_length=1)
    when: Condition


class ConfidenceRules(_Part):
    """What the confidence is made of; the three parts add up to 100."""

    answered: Points
    known_by: Points
    coherence: Points
    cost_of_contradiction: Points
    known_by_percent: dict[KnownBy, Annotated[int, Field(ge=0, le=100)]]
    contradictions: tuple[Contradiction, ...] = ()


class MobilityMap(_Part):
    """What the mobility answers mean: distance in km, or null for someone who cannot leave home."""

    question: str
    reach_km: dict[str, float | None]


class ChoiceSet(_Part):
    """A question, and those of its choices that mean yes."""

    question: str
    choices: tuple[str, ...] = Field(min_length=1)


class ProcedureMap(_Part):
    """The question on procedures needed now, and the guidance that answers each choice."""

    question: str
    guidance: dict[str, str]


class Meanings(_Part):
    """Which questions feed what leaves the questionnaire: the rest of the platform never reads questions."""

    adaptations: str
    mobility: MobilityMap
    procedures: ProcedureMap
    urgent: ChoiceSet
    rights_given_up: ChoiceSet


class Questionnaire(_Part):
    """One immutable version of a questionnaire."""

    id: Identifier
    version: str = Field(pattern=r"^[0-9]{4}-[0-9]{1,3}$")
    language: str = "fr"
    title: str = Field(min_length=1)
    notice: str = Field(min_length=1)
    no_answer_text: str = Field(min_length=1)
    blocks: tuple[Block, ...] = Field(min_length=1)
    band: TableFile
    profile: ProfileRules
    confidence: ConfidenceRules
    needs: tuple[NeedRule, ...] = Field(min_length=1)
    meanings: Meanings

    def questions(self, *, without_blocks: Iterable[str] = ()) -> Iterator[Question]:
        """Every question in order, except those of the blocks named."""
        switched_off = set(without_blocks)
        for block in self.blocks:
            if block.id not in switched_off:
                yield from block.questions

    @cached_property
    def question_by_id(self) -> Mapping[str, Question]:
        """Questions by id."""
        return {question.id: question for question in self.questions()}

    @cached_property
    def band_table(self) -> DecisionTable:
        """The table that turns the screen into a band."""
        return self.band.build("band")

    @cached_property
    def profile_table(self) -> DecisionTable:
        """The table that turns scores and ability to learn into a profile."""
        return self.profile.table.build("profile")

    def question(self, question_id: str) -> Question | None:
        """The question of that id."""
        return self.question_by_id.get(question_id)


def _part(values: list[int] | list[str]) -> Part:
    if len(values) == 2 and all(isinstance(value, int) for value in values):
        return Range(int(values[0]), int(values[1]))
    return Values(tuple(str(value) for value in values))
