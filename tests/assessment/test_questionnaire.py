"""A version of a questionnaire is used whole or not at all; what is wrong is said all at once."""

from collections.abc import Callable
from typing import Any

import pytest

from services.assessment.answers import Answer, AnswersRefused, check_answers
from services.assessment.questionnaire import NO_ANSWER, Depth, KnownBy
from services.assessment.questionnaire_checks import QuestionnaireRefused, parse_questionnaire
from tests.assessment.material import MRS_L, QUESTIONNAIRE, a_file, answers, question_in

Spoil = Callable[[dict[str, Any]], None]


def _rename_choice(file: dict[str, Any]) -> None:
    question_in(file, "device")["choices"][3]["id"] = "nothing"


def _look_forward(file: dict[str, Any]) -> None:
    question_in(file, "device")["shown_if"] = {"question": "connection", "in": ["home"]}


def _condition_on_score(file: dict[str, Any]) -> None:
    question_in(file, "printing")["shown_if"] = {"score": "access", "from": 10}


def _weigh_more(file: dict[str, Any]) -> None:
    question_in(file, "email")["choices"][0]["points"]["autonomy"] = 26


def _weigh_too_much(file: dict[str, Any]) -> None:
    question_in(file, "email")["choices"][0]["points"]["autonomy"] = 101


def _weigh_a_multiple(file: dict[str, Any]) -> None:
    question_in(file, "wishes")["choices"][0]["points"] = {"skills": 0}


def _unknown_need(file: dict[str, Any]) -> None:
    file["needs"][0]["need"] = "a_car"


def _need_on_unknown_question(file: dict[str, Any]) -> None:
    file["needs"][0]["when"] = {"question": "diagnosis", "in": ["any"]}


def _repeat_question(file: dict[str, Any]) -> None:
    question_in(file, "email")["id"] = "device"


def _odd_adaptation(file: dict[str, Any]) -> None:
    question_in(file, "adaptations")["choices"][0]["id"] = "diabetes"


def _gap(file: dict[str, Any]) -> None:
    file["profile"]["table"]["rows"][2]["when"]["skills"] = [25, 53]


def _overlap(file: dict[str, Any]) -> None:
    file["profile"]["table"]["rows"][2]["when"]["skills"] = [24, 54]


def _odd_profile(file: dict[str, Any]) -> None:
    file["profile"]["table"]["rows"][2]["outcome"] = "undetermined"


def _missing_axis_value(file: dict[str, Any]) -> None:
    del file["profile"]["table"]["axes"][2]["values"]["not_now"]


def _no_answer_in_file(file: dict[str, Any]) -> None:
    question_in(file, "email")["choices"].append({"id": NO_ANSWER, "text": "Rien"})


def _unranked_skill(file: dict[str, Any]) -> None:
    del question_in(file, "skill_scams")["choices"][2]["rank"]


def _confidence(file: dict[str, Any]) -> None:
    file["confidence"]["answered"] = 40


def _distance_missing(file: dict[str, Any]) -> None:
    del file["meanings"]["mobility"]["reach_km"]["nearby"]


def _unknown_condition(file: dict[str, Any]) -> None:
    file["needs"][0]["when"] = {"sometimes": True}


def _unknown_field(file: dict[str, Any]) -> None:
    file["diagnosis"] = True


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_rename_choice, "unknown choice none of question device"),
        (_look_forward, "question device, shown_if: question connection comes later"),
        (_condition_on_score, "question printing, shown_if: only earlier answers"),
        (_weigh_more, "score autonomy: the best answers add up to 101"),
        (_weigh_too_much, "less than or equal to 100"),
        (_weigh_a_multiple, "question wishes: a question with several answers carries no points"),
        (_unknown_need, "needs.0.need"),
        (_need_on_unknown_question, "need urgent_procedure: unknown question diagnosis"),
        (_repeat_question, "questions: device is there twice"),
        (_odd_adaptation, "diabetes is no adaptation"),
        (_gap, "no row answers skills=54"),
        (_overlap, "rows no_notion_can_train and some_notions both answer skills=24"),
        (_odd_profile, "row some_notions: the outcome is one of"),
        (_missing_axis_value, "axis learning: no value for the choices not_now"),
        (_no_answer_in_file, "no_answer is always offered"),
        (_unranked_skill, "question skill_scams: a skill has one answer and ranks"),
        (_confidence, "the parts add up to 90"),
        (_distance_missing, "no distance for the choice nearby"),
        (_unknown_condition, "a condition is one of"),
        (_unknown_field, "diagnosis: Extra inputs"),
    ],
)
def test_a_spoiled_file_is_refused_and_the_fault_named(spoil: Spoil, said: str) -> None:
    file = a_file()
    spoil(file)
    with pytest.raises(QuestionnaireRefused, match=said):
        parse_questionnaire(file, source="spoiled.json")


def test_every_fault_is_named_at_once() -> None:
    file = a_file()
    for spoil in (_weigh_more, _confidence, _gap):
        spoil(file)
    with pytest.raises(QuestionnaireRefused) as refused:
        parse_questionnaire(file, source="spoiled.json")
    assert len(refused.value.problems) == 3


def test_the_shipped_questionnaire_keeps_its_promises() -> None:
    questions = list(QUESTIONNAIRE.questions())
    assert sum(question.depth is Depth.SCREEN for question in questions) == 3
    texts = " ".join(
        question.text + " ".join(choice.text for choice in question.choices) for question in questions
    )
    for word in ("diagnostic", "maladie mentale", "handicap", "prison", "détention", "hôpital"):
        assert word not in texts.lower()
    for question in questions:
        accepted = check_answers(QUESTIONNAIRE, Depth.FULL, _showing(question.id))
        answer = accepted.get(question.id)
        assert answer is not None
        assert answer.declined


def _showing(question_id: str) -> list[Answer]:
    """Answers with which a question is shown, declined."""
    open_all = {"device": "shared", "connection": "none", "procedures_needed": ["taxes"]}
    return answers(
        {**{key: value for key, value in open_all.items() if key != question_id}, question_id: NO_ANSWER}
    )


class TestAnswers:
    def test_unknown_questions_and_choices_are_named_all_at_once(self) -> None:
        given = [
            Answer(question="shoe_size", choices=("large",)),
            Answer(question="device", choices=("fax",)),
            Answer(question="email", choices=("own", "none")),
            Answer(question="email", choices=("own",)),
            Answer(question="skill_searching", choices=("alone",)),
            Answer(question="mobility", choices=("nearby",), known_by=KnownBy.SEEN),
            Answer(question="wishes", choices=("nothing", "papers")),
        ]
        with pytest.raises(AnswersRefused) as refused:
            check_answers(QUESTIONNAIRE, Depth.FULL, given)
        assert {(one.question, one.problem) for one in refused.value.problems} == {
            ("shoe_size", "unknown question"),
            ("device", "unknown choice fax"),
            ("email", "several choices"),
            ("email", "answered twice"),
            ("skill_searching", "known_by is missing"),
            ("mobility", "known_by is only for skills"),
            ("wishes", "a choice that goes with no other"),
        }

    def test_an_answer_to_a_hidden_question_is_refused(self) -> None:
        with pytest.raises(AnswersRefused, match="printing: not shown"):
            check_answers(QUESTIONNAIRE, Depth.FULL, answers({**MRS_L, "printing": "neither"}))

    def test_a_screen_takes_no_question_of_the_full_evaluation(self) -> None:
        with pytest.raises(AnswersRefused, match="email: not part of the screen"):
            check_answers(QUESTIONNAIRE, Depth.SCREEN, answers({"email": "own"}))

    def test_a_block_switched_off_takes_no_answer(self) -> None:
        off = frozenset({"adaptations"})
        with pytest.raises(AnswersRefused, match="adaptations: switched off"):
            check_answers(QUESTIONNAIRE, Depth.FULL, answers(MRS_L), blocks_off=off)
        without = {key: value for key, value in MRS_L.items() if key != "adaptations"}
        assert check_answers(QUESTIONNAIRE, Depth.FULL, answers(without), blocks_off=off)
