"""Answers given to one version of a questionnaire: what is accepted, what is refused and named, all at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from services.assessment.conditions import AnswerIn, Situation, terms
from services.assessment.questionnaire import (
    NO_ANSWER,
    Depth,
    Identifier,
    KnownBy,
    Question,
    Questionnaire,
)
from shared.errors import RelaisError


class Answer(BaseModel):
    """One answer: the choices taken (one, unless the question takes several) and, for a skill, how it is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    question: Identifier
    choices: tuple[Identifier, ...] = Field(min_length=1, max_length=32)
    known_by: KnownBy | None = None

    @property
    def declined(self) -> bool:
        """Whether the person does not wish to answer."""
        return NO_ANSWER in self.choices


class AnswerProblem(BaseModel):
    """One answer refused: which, why, and what would be right."""

    question: str
    problem: str
    expected: str


class AnswersError(RelaisError):
    """Answers cannot be used."""


class AnswersRefused(AnswersError):
    """Every answer that does not fit the questionnaire, named."""

    status: ClassVar[int] = 422

    def __init__(self, problems: Sequence[AnswerProblem]) -> None:
        self.problems = tuple(problems)
        named = "; ".join(f"{one.question}: {one.problem} ({one.expected})" for one in self.problems)
        super().__init__(
            f"{len(self.problems)} problem(s) in the answers: {named}.",
            errors=[one.model_dump() for one in self.problems],
        )


class AnswerSet:
    """Answers checked against their questionnaire: what was asked, shown, answered, declined or left out."""

    def __init__(
        self,
        questionnaire: Questionnaire,
        depth: Depth,
        answers: Sequence[Answer],
        blocks_off: frozenset[str],
    ) -> None:
        self.questionnaire = questionnaire
        self.depth = depth
        self.blocks_off = blocks_off
        self._answers = {answer.question: answer for answer in answers}
        self.situation = Situation(answers=_chosen(answers))

    @cached_property
    def asked(self) -> tuple[Question, ...]:
        """Questions of this depth whose block is on, shown or not."""
        questions = self.questionnaire.questions(without_blocks=self.blocks_off)
        return tuple(one for one in questions if self.depth is Depth.FULL or one.depth is Depth.SCREEN)

    @cached_property
    def shown(self) -> tuple[Question, ...]:
        """Questions that this person was asked."""
        return tuple(question for question in self.asked if self.shows(question))

    def shows(self, question: Question) -> bool:
        """Whether the answers given make this question appear."""
        return question.shown_if is None or question.shown_if.holds(self.situation)

    def hidden_for_sure(self, question: Question) -> bool:
        """Whether it is hidden by answers given, and not only because those it depends on are missing."""
        if question.shown_if is None or self.shows(question):
            return False
        return all(
            self._is_settled(term.question) for term in terms(question.shown_if) if isinstance(term, AnswerIn)
        )

    def get(self, question_id: str) -> Answer | None:
        """The answer given, refusals included."""
        return self._answers.get(question_id)

    def choices(self, question_id: str) -> frozenset[str]:
        """The choices taken; empty when unanswered or declined."""
        return self.situation.answers.get(question_id, frozenset())

    def is_answered(self, question: Question) -> bool:
        """Whether a real answer was given."""
        return bool(self.choices(question.id))

    def _is_settled(self, question_id: str) -> bool:
        question = self.questionnaire.question(question_id)
        return question is not None and (self.is_answered(question) or self.hidden_for_sure(question))

    def ordered(self) -> tuple[Answer, ...]:
        """Answers in the order of the questionnaire: the same set always reads the same."""
        return tuple(
            self._answers[question.id]
            for question in self.questionnaire.questions()
            if question.id in self._answers
        )


def check_answers(
    questionnaire: Questionnaire,
    depth: Depth,
    answers: Sequence[Answer],
    *,
    blocks_off: frozenset[str] = frozenset(),
) -> AnswerSet:
    """Accept answers given to a version, or refuse them naming each one that does not fit.

    Raises:
        AnswersRefused: unknown question or choice, a question outside this depth or switched off, an answer to a
            hidden question, several choices where one is expected, a skill without how it is known, a repeat.
    """
    answer_set = AnswerSet(questionnaire, depth, answers, blocks_off)
    problems = list(_problems(answer_set, answers))
    if problems:
        raise AnswersRefused(problems)
    return answer_set


def _chosen(answers: Iterable[Answer]) -> Mapping[str, frozenset[str]]:
    return {answer.question: frozenset(answer.choices) for answer in answers if not answer.declined}


def _problems(answer_set: AnswerSet, answers: Sequence[Answer]) -> Iterator[AnswerProblem]:
    asked = {question.id: question for question in answer_set.asked}
    seen: set[str] = set()
    for answer in answers:
        if answer.question in seen:
            yield _problem(answer.question, "answered twice", "one answer a question")
            continue
        seen.add(answer.question)
        question = asked.get(answer.question)
        if question is None:
            yield _not_asked(answer_set, answer.question)
            continue
        yield from _choice_problems(question, answer)
        if not answer_set.shows(question):
            yield _problem(question.id, "not shown with the other answers", "leave it out")


def _not_asked(answer_set: AnswerSet, question_id: str) -> AnswerProblem:
    questionnaire = answer_set.questionnaire
    if questionnaire.question(question_id) is None:
        expected = f"a question of {questionnaire.id} {questionnaire.version}"
        return _problem(question_id, "unknown question", expected)
    if question_id in {
        question.id for question in questionnaire.questions(without_blocks=answer_set.blocks_off)
    }:
        return _problem(question_id, "not part of the screen", "depth full, or leave it out")
    return _problem(question_id, "switched off by the institution", "leave it out")


def _choice_problems(question: Question, answer: Answer) -> Iterator[AnswerProblem]:
    unknown = [one for one in answer.choices if one != NO_ANSWER and question.choice(one) is None]
    if unknown:
        known = ", ".join([choice.id for choice in question.choices] + [NO_ANSWER])
        yield _problem(question.id, f"unknown choice {', '.join(unknown)}", f"one of {known}")
    if len(answer.choices) > 1:
        alone = [choice.id for choice in question.choices if choice.exclusive] + [NO_ANSWER]
        if not question.multiple:
            yield _problem(question.id, "several choices", "one choice")
        elif not set(alone).isdisjoint(answer.choices):
            yield _problem(question.id, "a choice that goes with no other", f"{' or '.join(alone)} alone")
        if len(set(answer.choices)) != len(answer.choices):
            yield _problem(question.id, "a choice given twice", "each choice once")
    if question.skill and answer.known_by is None and not answer.declined:
        yield _problem(question.id, "known_by is missing", f"one of {', '.join(KnownBy)}")
    if not question.skill and answer.known_by is not None:
        yield _problem(question.id, "known_by is only for skills", "leave it out")


def _problem(question_id: str, problem: str, expected: str) -> AnswerProblem:
    return AnswerProblem(question=question_id, problem=problem, expected=expected)
