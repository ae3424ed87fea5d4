"""What the tests of assessment start from: the shipped questionnaire, answers that fit it, people met before."""

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

import services.assessment
from services.assessment.answers import Answer, AnswerSet, check_answers
from services.assessment.conditions import Situation
from services.assessment.questionnaire import NO_ANSWER, Depth, KnownBy, Question, Questionnaire
from services.assessment.questionnaire_checks import parse_questionnaire

Chosen = Mapping[str, str | Sequence[str]]
"""Answers written shortly: question → choice or choices."""

PACKAGE = Path(services.assessment.__file__).parent
FILE: dict[str, Any] = json.loads((PACKAGE / "questionnaires" / "relais-2026-1.json").read_text("utf-8"))
QUESTIONNAIRE: Questionnaire = parse_questionnaire(FILE, source="relais-2026-1.json")

QUESTIONS = list(QUESTIONNAIRE.questions())
SKILLS = [question.id for question in QUESTIONNAIRE.questions() if question.skill]

MRS_L = {
    "internet_use": "never",
    "equipment_connection": "none",
    "procedures_alone": "never",
    "device": "none",
    "connection": "none",
    "no_connection_reason": "cost",
    "email": "none",
    **dict.fromkeys(SKILLS, "not_at_all"),
    "main_obstacle": "cost",
    "helper": "nobody",
    "learning_will": "yes",
    "learning_ability": "yes",
    "wishes": ["daily_tools", "procedures"],
    "mobility": "nearby",
    "procedures_needed": ["retirement"],
    "procedure_urgency": "within_a_month",
    "rights_given_up": "once",
    "schooling": "primary",
    "adaptations": ["large_print"],
}
"""68 years old, Bobigny, no equipment, wants to learn."""

AT_EASE = {
    "internet_use": "often",
    "equipment_connection": "both",
    "procedures_alone": "alone",
    "device": "own_computer",
    "printing": "print_and_scan",
    "connection": "home",
    "email": "own",
    **dict.fromkeys(SKILLS, "alone"),
    "main_obstacle": "nothing",
    "helper": "not_needed",
    "learning_will": "maybe",
    "learning_ability": "yes",
    "wishes": ["nothing"],
    "mobility": "further",
    "procedures_needed": ["none"],
    "rights_given_up": "no",
    "schooling": "beyond",
    "adaptations": ["none"],
}


def a_file() -> dict[str, Any]:
    """The shipped file, free to be spoiled."""
    return copy.deepcopy(FILE)


def question_in(file: dict[str, Any], question_id: str) -> dict[str, Any]:
    """A question of a raw file."""
    return next(one for block in file["blocks"] for one in block["questions"] if one["id"] == question_id)


def answers(chosen: Chosen, known_by: KnownBy = KnownBy.SAID) -> list[Answer]:
    """Answers written shortly: question → choice or choices."""
    return [
        Answer(
            question=question,
            choices=(choices,) if isinstance(choices, str) else tuple(choices),
            known_by=known_by if question in SKILLS and choices != NO_ANSWER else None,
        )
        for question, choices in chosen.items()
    ]


def answered(chosen: Chosen, depth: Depth = Depth.FULL, **how: Any) -> AnswerSet:
    """Checked answers to the shipped questionnaire."""
    return check_answers(QUESTIONNAIRE, depth, answers(chosen, **how))


def any_answers(depth: Depth = Depth.FULL) -> st.SearchStrategy[AnswerSet]:
    """Any set of answers the shipped questionnaire accepts: answered, declined or left out, hidden ones aside."""
    picks = st.lists(st.integers(0, 191), min_size=len(QUESTIONS), max_size=len(QUESTIONS))
    return picks.map(lambda numbers: _answered_by(numbers, depth))


def _answered_by(numbers: list[int], depth: Depth) -> AnswerSet:
    """One number a question, which picks one of the ways to answer it."""
    given: list[Answer] = []
    so_far: dict[str, frozenset[str]] = {}
    for question, number in zip(QUESTIONS, numbers, strict=True):
        asked = depth is Depth.FULL or question.depth is Depth.SCREEN
        hidden = question.shown_if is not None and not question.shown_if.holds(Situation(so_far))
        ways = _ways_to_answer(question)
        choices = ways[number % len(ways)]
        if not asked or hidden or not choices:
            continue
        declined = NO_ANSWER in choices
        known_by = list(KnownBy)[number // 64] if question.skill and not declined else None
        given.append(Answer(question=question.id, choices=choices, known_by=known_by))
        if not declined:
            so_far[question.id] = frozenset(choices)
    return check_answers(QUESTIONNAIRE, depth, given)


def _ways_to_answer(question: Question) -> list[tuple[str, ...]]:
    """Each choice alone, two together where several may be, a refusal, and no answer at all."""
    ways = [(choice.id,) for choice in question.choices]
    free = [choice.id for choice in question.choices if not choice.exclusive]
    pairs = list(zip(free, free[1:] + free[:1], strict=True)) if question.multiple else []
    return [*ways, *pairs, (NO_ANSWER,), ()]
