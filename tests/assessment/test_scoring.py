"""Figures, their explanation and their confidence."""

import pytest
from hypothesis import given

from services.assessment.answers import AnswerSet
from services.assessment.conditions import ScoreName
from services.assessment.questionnaire import NO_ANSWER, KnownBy
from services.assessment.scoring import HIDDEN, confidence, contradictions, score, scores
from tests.assessment.material import AT_EASE, MRS_L, SKILLS, answered, any_answers


@given(answer_set=any_answers())
def test_the_contributions_add_up_to_the_figure(answer_set: AnswerSet) -> None:
    for one in scores(answer_set):
        if one.figure is None:
            assert one.contributions == ()
            assert one.answered_percent == 0
            continue
        assert sum(part.points for part in one.contributions) == one.figure
        assert sum(part.out_of for part in one.contributions) >= one.figure
        assert all(0 <= part.points <= part.out_of for part in one.contributions)


@given(answer_set=any_answers())
def test_a_figure_lies_between_its_worst_and_its_best(answer_set: AnswerSet) -> None:
    for one in scores(answer_set):
        assert 0 <= one.lowest <= one.highest <= 100
        assert one.highest - one.lowest == 100 - one.answered_percent
        if one.figure is not None:
            assert one.lowest <= one.figure <= one.highest


@given(answer_set=any_answers())
def test_a_figure_is_the_share_of_the_points_that_could_be_had(answer_set: AnswerSet) -> None:
    questions = {question.id: question for question in answer_set.questionnaire.questions()}
    for one in scores(answer_set):
        if one.figure is None:
            continue
        had = possible = 0
        for part in one.contributions:
            possible += questions[part.question].maximum(one.name)
            if part.choice != HIDDEN:
                had += next(c for c in questions[part.question].choices if c.id == part.choice).points.get(
                    one.name, 0
                )
        assert abs(one.figure - 100 * had / possible) <= 0.5


@given(answer_set=any_answers())
def test_the_parts_of_the_confidence_add_up(answer_set: AnswerSet) -> None:
    trust = confidence(answer_set, contradictions(answer_set))
    assert sum(part.points for part in trust.parts) == trust.figure
    assert all(0 <= part.points <= part.out_of for part in trust.parts)
    assert sum(part.out_of for part in trust.parts) == 100


def test_nobody_is_above_someone_at_ease_or_below_someone_without_anything() -> None:
    assert {one.name: one.figure for one in scores(answered(AT_EASE))} == dict.fromkeys(ScoreName, 100)
    lowest = {one.name: one.figure for one in scores(answered({**MRS_L, "rights_given_up": "several"}))}
    assert lowest == dict.fromkeys(ScoreName, 0)


def test_one_better_answer_moves_only_the_scores_it_weighs_on_by_what_it_says() -> None:
    before, after = answered(MRS_L), answered({**MRS_L, "email": "with_help"})
    assert score(after, ScoreName.AUTONOMY).figure == (score(before, ScoreName.AUTONOMY).figure or 0) + 10
    assert score(after, ScoreName.SKILLS) == score(before, ScoreName.SKILLS)
    part = next(one for one in score(after, ScoreName.AUTONOMY).contributions if one.question == "email")
    assert (part.choice, part.points, part.out_of) == ("with_help", 10, 25)


def test_declining_to_answer_lowers_the_confidence_and_not_the_score() -> None:
    whole, partial = answered(AT_EASE), answered({**AT_EASE, "email": NO_ANSWER})
    assert score(partial, ScoreName.AUTONOMY).figure == 100
    assert score(partial, ScoreName.AUTONOMY).answered_percent == 75
    assert confidence(partial, ()).figure < confidence(whole, ()).figure


def test_a_question_hidden_by_an_answer_counts_as_that_answer_implies() -> None:
    access = score(answered(MRS_L), ScoreName.ACCESS)
    hidden = next(part for part in access.contributions if part.question == "printing")
    assert (hidden.choice, hidden.points, hidden.out_of) == (HIDDEN, 0, 10)
    assert access.answered_percent == 100


def test_a_question_hidden_because_another_is_unanswered_is_unanswered_too() -> None:
    without_device = {key: value for key, value in MRS_L.items() if key != "device"}
    assert score(answered(without_device), ScoreName.ACCESS).answered_percent == 55


@pytest.mark.parametrize(
    ("known_by", "points"), [(KnownBy.SEEN, 30), (KnownBy.SAID_BY_RELATIVE, 18), (KnownBy.SAID, 15)]
)
def test_what_was_seen_is_trusted_more_than_what_was_said(known_by: KnownBy, points: int) -> None:
    trust = confidence(answered(MRS_L, known_by=known_by), ())
    assert next(part for part in trust.parts if part.name == "known_by").points == points


def test_contradictions_are_named_and_cost_confidence() -> None:
    answer_set = answered({**MRS_L, "procedures_alone": "alone", "equipment_connection": "both"})
    found = contradictions(answer_set)
    assert set(found) == {
        "never_but_alone",
        "equipped_but_no_device",
        "equipped_but_no_connection",
        "alone_but_no_form",
    }
    coherence = next(part for part in confidence(answer_set, found).parts if part.name == "coherence")
    assert coherence.points == 0


def test_a_score_on_which_nothing_was_answered_has_no_figure() -> None:
    silent = answered({**MRS_L, **dict.fromkeys(SKILLS, NO_ANSWER)})
    skills = score(silent, ScoreName.SKILLS)
    assert (skills.figure, skills.lowest, skills.highest) == (None, 0, 100)
