"""The needs that answers point to, by priority, with what they mean for the rest of the platform."""

import pytest
from hypothesis import given

from services.assessment.answers import AnswerSet
from services.assessment.evaluation import evaluate
from services.assessment.needs import ORDER
from services.assessment.questionnaire import Depth, Priority
from shared.events.vocabulary import Adaptation, Need, Urgency
from tests.assessment.material import AT_EASE, MRS_L, QUESTIONNAIRE, Chosen, answered, any_answers


def _needs(chosen: Chosen) -> dict[Need, Priority]:
    return {one.need: one.priority for one in evaluate(answered(chosen)).needs}


def test_the_needs_of_someone_without_equipment_who_wants_to_learn() -> None:
    assert _needs(MRS_L) == {
        Need.ONE_OFF_HELP: Priority.HIGH,
        Need.BASIC_SKILLS: Priority.HIGH,
        Need.ACCESS_POINT: Priority.HIGH,
        Need.EQUIPMENT: Priority.HIGH,
        Need.CONNECTION: Priority.HIGH,
        Need.PROCEDURES: Priority.MEDIUM,
        Need.PAPER_WAY: Priority.LOW,
    }


def test_someone_at_ease_needs_nothing() -> None:
    assert _needs(AT_EASE) == {}


@pytest.mark.parametrize(
    ("change", "need"),
    [
        ({"mobility": "home_only"}, Need.OUTREACH),
        ({"wishes": ["papers"]}, Need.VAULT),
        ({"wishes": ["leisure"]}, Need.LEISURE),
        ({"wishes": ["understanding"]}, Need.DIGITAL_CULTURE),
        ({"wishes": ["children_school"]}, Need.PARENTING),
        ({"wishes": ["employment"]}, Need.EMPLOYMENT),
        ({"main_obstacle": "fear"}, Need.SAFETY),
        ({"learning_ability": "not_now"}, Need.MANDATE),
        ({"schooling": "other_language"}, Need.FRENCH_LITERACY),
        ({"adaptations": ["read_aloud"]}, Need.WRITING_HELP),
        ({"no_connection_reason": "refusal"}, Need.PAPER_WAY),
    ],
)
def test_each_need_has_its_answer(change: Chosen, need: Need) -> None:
    assert need in _needs({**MRS_L, **change})


def test_every_need_of_the_vocabulary_can_be_proposed() -> None:
    assert {rule.need for rule in QUESTIONNAIRE.needs} == set(Need)


@given(answer_set=any_answers())
def test_needs_come_once_by_priority_each_with_its_reasons(answer_set: AnswerSet) -> None:
    needs = evaluate(answer_set).needs
    assert len({one.need for one in needs}) == len(needs)
    assert [ORDER.index(one.priority) for one in needs] == sorted(ORDER.index(one.priority) for one in needs)
    rules = {rule.id: rule for rule in QUESTIONNAIRE.needs}
    for one in needs:
        assert one.priority == min((rules[reason.rule].priority for reason in one.reasons), key=ORDER.index)


@given(answer_set=any_answers())
def test_the_same_answers_always_conclude_the_same(answer_set: AnswerSet) -> None:
    again = AnswerSet(QUESTIONNAIRE, Depth.FULL, list(reversed(answer_set.ordered())), frozenset())
    assert evaluate(again) == evaluate(answer_set)


def test_what_the_answers_mean_to_matching() -> None:
    meaning = evaluate(answered({**MRS_L, "adaptations": ["step_free", "large_print"]})).meaning
    assert meaning.reach_km == 5.0
    assert set(meaning.adaptations) == {Adaptation.STEP_FREE, Adaptation.LARGE_PRINT}
    assert meaning.guidance == ("retirement_pension",)
    assert meaning.rights_at_risk is True
    assert meaning.urgency is Urgency.STANDARD


def test_someone_who_cannot_leave_home_reaches_nothing() -> None:
    meaning = evaluate(answered({**MRS_L, "mobility": "home_only"})).meaning
    assert (meaning.reach_km, meaning.cannot_leave_home) == (0.0, True)


def test_what_was_not_said_stays_unknown() -> None:
    silent = {"internet_use": "never"}
    meaning = evaluate(answered(silent)).meaning
    assert (meaning.reach_km, meaning.rights_at_risk, meaning.adaptations) == (None, None, ())


def test_a_right_at_stake_within_ten_days_is_urgent() -> None:
    evaluation = evaluate(answered({**MRS_L, "procedure_urgency": "within_10_days"}))
    assert evaluation.meaning.urgency is Urgency.URGENT
    assert "urgent_procedure" in {reason.rule for one in evaluation.needs for reason in one.reasons}
