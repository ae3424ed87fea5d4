"""How a person has moved: a new assessment against the first and the previous one, score by score, skill by skill."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from services.assessment.conditions import ScoreName
from shared.events.vocabulary import Profile


class Step(BaseModel):
    """What progress keeps of one completed assessment; the questionnaire says whether figures compare."""

    model_config = ConfigDict(frozen=True)

    assessment_id: str
    assessed_at: datetime
    questionnaire_id: str
    questionnaire_version: str
    profile: Profile
    figures: dict[ScoreName, int | None]
    skill_ranks: dict[str, int]


class Movement(BaseModel):
    """From one assessment to another. A figure missing on either side gives none.

    `comparable` is false when the two were made with different questionnaires or versions: the figures are shown
    side by side and no difference is computed.
    """

    model_config = ConfigDict(frozen=True)

    since: str
    comparable: bool
    profile_before: Profile
    profile_after: Profile
    before: dict[ScoreName, int | None]
    change: dict[ScoreName, int | None]
    skills_gained: tuple[str, ...]
    skills_lost: tuple[str, ...]


class Progress(BaseModel):
    """The completed assessments of a case, and the latest against the first and the previous."""

    model_config = ConfigDict(frozen=True)

    steps: tuple[Step, ...]
    since_first: Movement | None
    since_previous: Movement | None


def progress(steps: Sequence[Step]) -> Progress:
    """Compare the latest of the completed assessments, in the order they were made; one or none moves nothing."""
    if len(steps) < 2:
        return Progress(steps=tuple(steps), since_first=None, since_previous=None)
    return Progress(
        steps=tuple(steps),
        since_first=movement(steps[0], steps[-1]),
        since_previous=movement(steps[-2], steps[-1]),
    )


def movement(before: Step, after: Step) -> Movement:
    """What changed between two assessments."""
    comparable = (before.questionnaire_id, before.questionnaire_version) == (
        after.questionnaire_id,
        after.questionnaire_version,
    )
    return Movement(
        since=before.assessment_id,
        comparable=comparable,
        profile_before=before.profile,
        profile_after=after.profile,
        before=before.figures,
        change={name: _change(before, after, name) if comparable else None for name in ScoreName},
        skills_gained=_risen(before.skill_ranks, after.skill_ranks) if comparable else (),
        skills_lost=_risen(after.skill_ranks, before.skill_ranks) if comparable else (),
    )


def _change(before: Step, after: Step, name: ScoreName) -> int | None:
    start, end = before.figures.get(name), after.figures.get(name)
    return None if start is None or end is None else end - start


def _risen(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(skill for skill, rank in after.items() if skill in before and rank > before[skill])
