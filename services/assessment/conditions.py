"""Conditions that a questionnaire file may state: when a question is shown, a need arises, two answers disagree.

A condition is data: `{"question": "device", "in": ["none"]}`, `{"score": "skills", "from": 0, "to": 24}`,
`{"profile_in": [...]}`, combined by `{"all": [...]}`, `{"any": [...]}` and `{"not": {...}}`. What is not known
(no answer, no score) makes the plain condition that asks about it false.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from shared.events.vocabulary import Profile


class ScoreName(StrEnum):
    """The three figures of an assessment, each 0–100."""

    ACCESS = "access"
    SKILLS = "skills"
    AUTONOMY = "autonomy"


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known when a condition is asked: chosen answers, scores, and the profile once it is found."""

    answers: Mapping[str, frozenset[str]]
    scores: Mapping[ScoreName, int] = field(default_factory=dict)
    profile: Profile | None = None


class _Term(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class AnswerIn(_Term):
    """True when one of the named choices was given to the question."""

    question: str
    choices: tuple[str, ...] = Field(alias="in", min_length=1)

    def holds(self, situation: Situation) -> bool:
        """Whether the situation fits."""
        return not situation.answers.get(self.question, frozenset()).isdisjoint(self.choices)


class ScoreBetween(_Term):
    """True when the score is known and lies between two figures, both included."""

    score: ScoreName
    low: int = Field(alias="from", default=0, ge=0, le=100)
    high: int = Field(alias="to", default=100, ge=0, le=100)

    @model_validator(mode="after")
    def _range_is_not_empty(self) -> "ScoreBetween":
        if self.low > self.high:
            raise ValueError(f"the range {self.low}–{self.high} is empty")
        return self

    def holds(self, situation: Situation) -> bool:
        """Whether the situation fits."""
        figure = situation.scores.get(self.score)
        return figure is not None and self.low <= figure <= self.high


class ProfileIn(_Term):
    """True when the profile found is one of these."""

    profiles: tuple[Profile, ...] = Field(alias="profile_in", min_length=1)

    def holds(self, situation: Situation) -> bool:
        """Whether the situation fits."""
        return situation.profile in self.profiles


class AllOf(_Term):
    """True when every part is."""

    parts: tuple["Condition", ...] = Field(alias="all", min_length=1)

    def holds(self, situation: Situation) -> bool:
        """Whether the situation fits."""
        return all(part.holds(situation) for part in self.parts)


class AnyOf(_Term):
    """True when at least one part is."""

    parts: tuple["Condition", ...] = Field(alias="any", min_length=1)

    def holds(self, situation: Situation) -> bool:
        """Whether the situation fits."""
        return any(part.holds(situation) for part in self.parts)


class Not(_Term):
    """True when its part is false; a part about something unknown is false, so its negation is true."""

    part: "Condition" = Field(alias="not")

    def holds(self, situation: Situation) -> bool:
        """Whether the situation fits."""
        return not self.part.holds(situation)


_TAGS: dict[str, str] = {
    "question": "question", "score": "score", "profile_in": "profile_in", "profiles": "profile_in",
    "all": "all", "any": "any", "not": "not", "part": "not",
}  # fmt: skip


def _tag(value: Any) -> str | None:
    if isinstance(value, BaseModel):
        return _TAG_OF_TERM.get(type(value))
    if isinstance(value, Mapping):
        return next((tag for key, tag in _TAGS.items() if key in value), None)
    return None


Condition = Annotated[
    Annotated[AnswerIn, Tag("question")]
    | Annotated[ScoreBetween, Tag("score")]
    | Annotated[ProfileIn, Tag("profile_in")]
    | Annotated[AllOf, Tag("all")]
    | Annotated[AnyOf, Tag("any")]
    | Annotated[Not, Tag("not")],
    Discriminator(
        _tag,
        custom_error_type="condition_kind",
        custom_error_message="a condition is one of question/in, score/from/to, profile_in, all, any, not",
    ),
]

_TAG_OF_TERM: dict[type[BaseModel], str] = {
    AnswerIn: "question", ScoreBetween: "score", ProfileIn: "profile_in", AllOf: "all", AnyOf: "any", Not: "not",
}  # fmt: skip

Term = AnswerIn | ScoreBetween | ProfileIn

for _model in (AllOf, AnyOf, Not):
    _model.model_rebuild()


def terms(condition: "AllOf | AnyOf | Not | Term") -> Iterator[Term]:
    """Every plain condition inside one, depth first."""
    if isinstance(condition, AllOf | AnyOf):
        for part in condition.parts:
            yield from terms(part)
    elif isinstance(condition, Not):
        yield from terms(condition.part)
    else:
        yield condition
