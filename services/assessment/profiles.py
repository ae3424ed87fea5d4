"""From answers and scores to a band, and to exactly one profile or `undetermined` with the questions still needed.

What is known only in part (a question declined, a score of which too little was answered) is followed through the
decision table: when every situation still possible gives the same outcome, that outcome stands.
"""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from services.assessment.answers import AnswerSet
from services.assessment.decision_table import Part, Range, Row, Values
from services.assessment.questionnaire import AxisFile, TableFile
from services.assessment.scoring import Score
from shared.events.vocabulary import Band, Profile


class BandFound(BaseModel):
    """The band of the screen, the row that gave it, and what is missing when it is undetermined."""

    model_config = ConfigDict(frozen=True)

    band: Band
    row: str | None
    questions_needed: tuple[str, ...]


class ProfileFound(BaseModel):
    """The profile, the row that gave it, and what is missing when it is undetermined."""

    model_config = ConfigDict(frozen=True)

    profile: Profile
    row: str | None
    questions_needed: tuple[str, ...]


def find_band(answer_set: AnswerSet) -> BandFound:
    """What the three questions of the screen conclude."""
    file = answer_set.questionnaire.band
    table = answer_set.questionnaire.band_table
    known = {axis.id: part for axis in file.axes if (part := _from_question(answer_set, axis))}
    rows = table.possible(known)
    outcome = _only_outcome(rows)
    if outcome is None:
        needed = _needed(answer_set, file, rows, known)
        return BandFound(band=Band.UNDETERMINED, row=None, questions_needed=needed)
    return BandFound(band=Band(outcome), row=_row_name(rows), questions_needed=())


def find_profile(answer_set: AnswerSet, scores: Sequence[Score]) -> ProfileFound:
    """Exactly one profile, or `undetermined` with the questions whose answers would settle it."""
    file = answer_set.questionnaire.profile.table
    known = _known_for_profile(answer_set, scores)
    rows = answer_set.questionnaire.profile_table.possible(known)
    outcome = _only_outcome(rows)
    if outcome is None:
        needed = _needed(answer_set, file, rows, known)
        return ProfileFound(profile=Profile.UNDETERMINED, row=None, questions_needed=needed)
    return ProfileFound(profile=Profile(outcome), row=_row_name(rows), questions_needed=())


def _known_for_profile(answer_set: AnswerSet, scores: Sequence[Score]) -> dict[str, Part]:
    minimum = answer_set.questionnaire.profile.minimum_answered_percent
    by_name = {one.name: one for one in scores}
    known: dict[str, Part] = {}
    for axis in answer_set.questionnaire.profile.table.axes:
        if axis.score is not None:
            known[axis.id] = _trusted(by_name[axis.score], minimum)
        elif part := _from_question(answer_set, axis):
            known[axis.id] = part
    return known


def _trusted(one: Score, minimum_answered_percent: int) -> Range:
    if one.figure is not None and one.answered_percent >= minimum_answered_percent:
        return Range(one.figure, one.figure)
    return Range(one.lowest, one.highest)


def _from_question(answer_set: AnswerSet, axis: AxisFile) -> Part | None:
    if axis.question is None:
        return None
    choices = answer_set.choices(axis.question)
    return Values(tuple(axis.values[choice] for choice in choices)) if choices else None


def _only_outcome(rows: Iterable[Row]) -> str | None:
    outcomes = {row.outcome for row in rows}
    return outcomes.pop() if len(outcomes) == 1 else None


def _row_name(rows: Sequence[Row]) -> str | None:
    return rows[0].name if len(rows) == 1 else None


def _needed(
    answer_set: AnswerSet,
    file: TableFile,
    rows: Sequence[Row],
    known: Mapping[str, Part],
) -> tuple[str, ...]:
    """Unanswered questions behind the axes that are not settled and that some possible row looks at."""
    looked_at = {axis for row in rows for axis in row.when}
    unsettled = [axis for axis in file.axes if axis.id in looked_at and not _settled(known.get(axis.id))]
    needed = []
    for question in answer_set.shown:
        if answer_set.is_answered(question):
            continue
        if any(
            axis.question == question.id or (axis.score and question.maximum(axis.score))
            for axis in unsettled
        ):
            needed.append(question.id)
    return tuple(needed)


def _settled(part: Part | None) -> bool:
    if isinstance(part, Range):
        return part.low == part.high
    return part is not None and len(part.names) == 1
