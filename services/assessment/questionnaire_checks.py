"""Every check made before a version of a questionnaire may be used.

A version that loads is whole: ids are unique and known wherever they are used, conditions look back, weights add
up, the decision tables answer every situation once. `parse_questionnaire` says everything that is wrong at once.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from services.assessment.conditions import AllOf, AnswerIn, AnyOf, Not, ScoreName, Term, terms
from services.assessment.decision_table import DecisionTableError
from services.assessment.questionnaire import NO_ANSWER, SCORE_MAXIMUM, KnownBy, Questionnaire, TableFile
from shared.events.vocabulary import Adaptation, Band, Profile


class QuestionnaireError(Exception):
    """A questionnaire file cannot be used."""


class QuestionnaireRefused(QuestionnaireError):
    """Everything wrong with a file, at once: a list of `place: problem`."""

    def __init__(self, source: str, problems: Iterable[str]) -> None:
        self.source, self.problems = source, tuple(problems)
        lines = "\n".join(f"- {problem}" for problem in self.problems)
        super().__init__(f"The questionnaire {source} cannot be used:\n{lines}")


def parse_questionnaire(data: Mapping[str, Any], *, source: str) -> Questionnaire:
    """Read one version.

    Raises:
        QuestionnaireRefused: every problem found, each with its place and what would be right.
    """
    try:
        questionnaire = Questionnaire.model_validate(data)
    except ValidationError as error:
        raise QuestionnaireRefused(source, _shape_problems(error)) from error
    problems = list(_problems(questionnaire))
    if problems:
        raise QuestionnaireRefused(source, problems)
    return questionnaire


def _shape_problems(error: ValidationError) -> Iterator[str]:
    for detail in error.errors(include_input=False, include_url=False):
        yield f"{'.'.join(str(part) for part in detail['loc'])}: {detail['msg']}"


def _problems(questionnaire: Questionnaire) -> Iterator[str]:
    yield from _id_problems(questionnaire)
    yield from _visibility_problems(questionnaire)
    yield from _weight_problems(questionnaire)
    yield from _skill_problems(questionnaire)
    yield from _rule_problems(questionnaire)
    yield from _meaning_problems(questionnaire)
    yield from _table_problems(questionnaire, "band", questionnaire.band, Band)
    yield from _table_problems(questionnaire, "profile", questionnaire.profile.table, Profile)


def _id_problems(questionnaire: Questionnaire) -> Iterator[str]:
    yield from _repeated("blocks", (block.id for block in questionnaire.blocks))
    yield from _repeated("questions", (question.id for question in questionnaire.questions()))
    yield from _repeated("needs", (rule.id for rule in questionnaire.needs))
    for question in questionnaire.questions():
        yield from _repeated(f"question {question.id}", (choice.id for choice in question.choices))
        if question.choice(NO_ANSWER):
            yield f"question {question.id}: {NO_ANSWER} is always offered; remove it from the choices"


def _repeated(place: str, ids: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            yield f"{place}: {one} is there twice; ids are unique"
        seen.add(one)


def _visibility_problems(questionnaire: Questionnaire) -> Iterator[str]:
    earlier: set[str] = set()
    for question in questionnaire.questions():
        if question.shown_if is not None:
            place = f"question {question.id}, shown_if"
            for term in terms(question.shown_if):
                if not isinstance(term, AnswerIn):
                    yield f"{place}: only earlier answers may decide what is shown"
                    continue
                yield from _term_problems(questionnaire, place, term)
                if questionnaire.question(term.question) and term.question not in earlier:
                    yield f"{place}: question {term.question} comes later; a condition looks back"
        earlier.add(question.id)


def _term_problems(questionnaire: Questionnaire, place: str, term: Term) -> Iterator[str]:
    if not isinstance(term, AnswerIn):
        return
    yield from _choice_problems(questionnaire, place, term.question, term.choices)


def _choice_problems(
    questionnaire: Questionnaire, place: str, question_id: str, choices: Iterable[str]
) -> Iterator[str]:
    question = questionnaire.question(question_id)
    if question is None:
        yield f"{place}: unknown question {question_id}"
        return
    for choice in choices:
        if question.choice(choice) is None and choice != NO_ANSWER:
            known = ", ".join(known.id for known in question.choices)
            yield f"{place}: unknown choice {choice} of question {question_id}; the choices are {known}"


def _weight_problems(questionnaire: Questionnaire) -> Iterator[str]:
    for score in ScoreName:
        total = sum(question.maximum(score) for question in questionnaire.questions())
        if total != SCORE_MAXIMUM:
            yield f"score {score}: the best answers add up to {total}; they must add up to {SCORE_MAXIMUM}"
    for question in questionnaire.questions():
        if question.multiple and any(choice.points for choice in question.choices):
            yield f"question {question.id}: a question with several answers carries no points"
        if question.points_when_hidden and question.shown_if is None:
            yield f"question {question.id}: points_when_hidden needs a shown_if"
        for score, points in question.points_when_hidden.items():
            if points > question.maximum(score):
                yield f"question {question.id}: points_when_hidden for {score} exceed its best answer"


def _skill_problems(questionnaire: Questionnaire) -> Iterator[str]:
    for question in questionnaire.questions():
        ranks = [choice.rank for choice in question.choices]
        if question.skill and (
            question.multiple or sorted(rank or 0 for rank in ranks) != list(range(len(ranks)))
        ):
            yield f"question {question.id}: a skill has one answer and ranks 0, 1, 2… on its choices"
        if not question.skill and any(rank is not None for rank in ranks):
            yield f"question {question.id}: only a skill ranks its choices"
    confidence = questionnaire.confidence
    total = confidence.answered + confidence.known_by + confidence.coherence
    if total != SCORE_MAXIMUM:
        yield f"confidence: the parts add up to {total}; they must add up to {SCORE_MAXIMUM}"
    missing = [way for way in KnownBy if way not in confidence.known_by_percent]
    if missing:
        yield f"confidence, known_by_percent: {', '.join(missing)} missing"


def _rule_problems(questionnaire: Questionnaire) -> Iterator[str]:
    conditions: list[tuple[str, AllOf | AnyOf | Not | Term]] = [
        (f"need {rule.id}", rule.when) for rule in questionnaire.needs
    ]
    conditions += [(f"contradiction {one.id}", one.when) for one in questionnaire.confidence.contradictions]
    for place, condition in conditions:
        for term in terms(condition):
            yield from _term_problems(questionnaire, place, term)


def _meaning_problems(questionnaire: Questionnaire) -> Iterator[str]:
    meanings = questionnaire.meanings
    for place, question_id, choices in (
        ("meanings, mobility", meanings.mobility.question, tuple(meanings.mobility.reach_km)),
        ("meanings, procedures", meanings.procedures.question, tuple(meanings.procedures.guidance)),
        ("meanings, urgent", meanings.urgent.question, meanings.urgent.choices),
        ("meanings, rights_given_up", meanings.rights_given_up.question, meanings.rights_given_up.choices),
        ("meanings, adaptations", meanings.adaptations, ()),
    ):
        yield from _choice_problems(questionnaire, place, question_id, choices)
    adaptations = questionnaire.question(meanings.adaptations)
    for choice in adaptations.choices if adaptations else ():
        if choice.id not in set(Adaptation) and not choice.exclusive:
            yield f"question {meanings.adaptations}: {choice.id} is no adaptation of the vocabulary"
    mobility = questionnaire.question(meanings.mobility.question)
    for choice in mobility.choices if mobility else ():
        if choice.id not in meanings.mobility.reach_km:
            yield f"meanings, mobility: no distance for the choice {choice.id}"


def _table_problems(
    questionnaire: Questionnaire, name: str, table: TableFile, outcomes: type[Band] | type[Profile]
) -> Iterator[str]:
    problems = list(_axis_problems(questionnaire, name, table))
    allowed = [one.value for one in outcomes if one.value != "undetermined"]
    problems += [
        f"table {name}, row {row.id}: the outcome is one of {', '.join(allowed)}"
        for row in table.rows
        if row.outcome not in allowed
    ]
    never = set(allowed) - {row.outcome for row in table.rows}
    if never:
        problems.append(f"table {name}: no row ever answers {', '.join(sorted(never))}")
    if problems:
        yield from problems
        return
    try:
        table.build(name).check()
    except DecisionTableError as error:
        yield str(error)


def _axis_problems(questionnaire: Questionnaire, name: str, table: TableFile) -> Iterator[str]:
    for axis in table.axes:
        place = f"table {name}, axis {axis.id}"
        if (axis.score is None) == (axis.question is None):
            yield f"{place}: give either a score or a question"
            continue
        if axis.question is None:
            continue
        yield from _choice_problems(questionnaire, place, axis.question, axis.values)
        question = questionnaire.question(axis.question)
        if question is None:
            continue
        unmapped = [choice.id for choice in question.choices if choice.id not in axis.values]
        if unmapped:
            yield f"{place}: no value for the choices {', '.join(unmapped)}"
        if question.shown_if is not None or question.multiple:
            yield f"{place}: question {question.id} must always be shown and take one answer"
