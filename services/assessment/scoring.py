"""From answers to three figures and a confidence, each explained by parts that add up to it.

A score is the points obtained over the points that could be, brought to 100. What the person did not answer weighs
nothing either way; it lowers the confidence, not the score. A question hidden by an earlier answer counts as that
answer implies (`points_when_hidden`, zero unless the file says otherwise); hidden only because the answer it hangs
on is missing, it is unanswered too.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict

from services.assessment.answers import AnswerSet
from services.assessment.conditions import ScoreName
from services.assessment.questionnaire import SCORE_MAXIMUM, KnownBy, Question

HIDDEN: Final = "hidden"
"""Stands for the choice in the explanation of a question that was not shown."""


class _Figure(BaseModel):
    model_config = ConfigDict(frozen=True)


class Contribution(_Figure):
    """What one answer brought to a score: `points` of the score, out of the most it could have brought."""

    question: str
    choice: str
    points: int
    out_of: int


class Score(_Figure):
    """A figure 0–100, or none when nothing that weighs on it was answered. Contributions add up to the figure.

    `lowest` and `highest` are the figures the unanswered questions would give at worst and at best.
    """

    name: ScoreName
    figure: int | None
    answered_percent: int
    lowest: int
    highest: int
    contributions: tuple[Contribution, ...]


class ConfidencePart(_Figure):
    """One part of the confidence: `answered`, `known_by` or `coherence`."""

    name: str
    points: int
    out_of: int
    because: str


class Confidence(_Figure):
    """How far the figures may be trusted, 0–100; the parts add up to the figure."""

    figure: int
    parts: tuple[ConfidencePart, ...]


def score(answer_set: AnswerSet, name: ScoreName) -> Score:
    """One of the three figures, with what each answer brought to it."""
    obtained = list(_obtained(answer_set, name))
    weight = sum(out_of for _, _, _, out_of in obtained)
    points = sum(points for _, _, points, _ in obtained)
    unanswered = SCORE_MAXIMUM - weight
    contributions: tuple[Contribution, ...] = ()
    if weight:
        shares = _share_out([points for _, _, points, _ in obtained], weight)
        ceilings = _share_out([out_of for _, _, _, out_of in obtained], weight)
        contributions = tuple(
            Contribution(question=question, choice=choice, points=share, out_of=max(ceiling, share))
            for (question, choice, _, _), share, ceiling in zip(obtained, shares, ceilings, strict=True)
        )
    return Score(
        name=name,
        figure=sum(one.points for one in contributions) if weight else None,
        answered_percent=weight,
        lowest=points,
        highest=points + unanswered,
        contributions=contributions,
    )


def scores(answer_set: AnswerSet) -> tuple[Score, ...]:
    """The three figures."""
    return tuple(score(answer_set, name) for name in ScoreName)


def confidence(answer_set: AnswerSet, contradictions: Sequence[str]) -> Confidence:
    """How far the figures may be trusted: share answered, how skills are known, contradictions."""
    parts = (
        _answered_part(answer_set),
        _known_by_part(answer_set),
        _coherence_part(answer_set, contradictions),
    )
    return Confidence(figure=sum(part.points for part in parts), parts=parts)


def contradictions(answer_set: AnswerSet) -> tuple[str, ...]:
    """Ids of the contradictions found among the answers."""
    rules = answer_set.questionnaire.confidence.contradictions
    return tuple(rule.id for rule in rules if rule.when.holds(answer_set.situation))


def _obtained(answer_set: AnswerSet, name: ScoreName) -> Iterator[tuple[str, str, int, int]]:
    """(question, choice, points, most points) of each question that weighs on the score and is settled."""
    for question in answer_set.asked:
        maximum = question.maximum(name)
        if not maximum:
            continue
        if answer_set.hidden_for_sure(question):
            yield question.id, HIDDEN, question.points_when_hidden.get(name, 0), maximum
        elif answer_set.is_answered(question):
            choice_id = next(iter(answer_set.choices(question.id)))
            yield question.id, choice_id, _points(question, choice_id, name), maximum


def _points(question: Question, choice_id: str, name: ScoreName) -> int:
    choice = question.choice(choice_id)
    return choice.points.get(name, 0) if choice else 0


def _share_out(points: Sequence[int], weight: int) -> list[int]:
    """Bring points to a scale of 100 in whole numbers whose sum is the whole, rounded (largest remainders first)."""
    exact = [(one * SCORE_MAXIMUM, weight) for one in points]
    floors = [top // bottom for top, bottom in exact]
    whole = (2 * sum(points) * SCORE_MAXIMUM + weight) // (2 * weight)
    left = whole - sum(floors)
    by_remainder = sorted(range(len(points)), key=lambda at: (-(exact[at][0] % weight), at))
    for at in by_remainder[:left]:
        floors[at] += 1
    return floors


def _answered_part(answer_set: AnswerSet) -> ConfidencePart:
    out_of = answer_set.questionnaire.confidence.answered
    shown = list(answer_set.shown)
    answered = sum(answer_set.is_answered(question) for question in shown)
    return ConfidencePart(
        name="answered",
        points=_rounded(out_of * answered, len(shown)),
        out_of=out_of,
        because=f"{answered} réponses sur {len(shown)} questions posées",
    )


def _known_by_part(answer_set: AnswerSet) -> ConfidencePart:
    rules = answer_set.questionnaire.confidence
    skills = [
        question for question in answer_set.shown if question.skill and answer_set.is_answered(question)
    ]
    ways = [
        answer.known_by for question in skills if (answer := answer_set.get(question.id)) and answer.known_by
    ]
    percent = sum(rules.known_by_percent[way] for way in ways)
    seen = sum(way is KnownBy.SEEN for way in ways)
    return ConfidencePart(
        name="known_by",
        points=_rounded(rules.known_by * percent, 100 * len(ways)),
        out_of=rules.known_by,
        because=f"{seen} gestes vus par le professionnel sur {len(ways)}",
    )


def _coherence_part(answer_set: AnswerSet, found: Sequence[str]) -> ConfidencePart:
    rules = answer_set.questionnaire.confidence
    lost = min(rules.coherence, len(found) * rules.cost_of_contradiction)
    return ConfidencePart(
        name="coherence",
        points=rules.coherence - lost,
        out_of=rules.coherence,
        because=f"{len(found)} réponses à revoir ensemble",
    )


def _rounded(top: int, bottom: int) -> int:
    """`top / bottom` to the nearest whole number, halves up; zero over zero is zero."""
    return (2 * top + bottom) // (2 * bottom) if bottom else 0
