"""The band of a screen, and exactly one profile or the questions still needed."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.assessment.answers import AnswerSet
from services.assessment.conditions import ScoreName
from services.assessment.evaluation import evaluate
from services.assessment.profiles import find_band, find_profile
from services.assessment.questionnaire import NO_ANSWER, Depth
from services.assessment.scoring import scores
from shared.events.vocabulary import Band, Profile
from tests.assessment.material import AT_EASE, MRS_L, QUESTIONS, SKILLS, Chosen, answered, any_answers

SCREEN = {key: MRS_L[key] for key in ("internet_use", "equipment_connection", "procedures_alone")}


def _skills(alone: int, with_help: int) -> Chosen:
    levels = ["alone"] * alone + ["with_help"] * with_help
    return dict(zip(SKILLS, levels + ["not_at_all"] * (len(SKILLS) - len(levels)), strict=True))


def _profile(chosen: Chosen) -> Profile:
    answer_set = answered(chosen)
    return find_profile(answer_set, scores(answer_set)).profile


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({**MRS_L, "learning_ability": "not_now"}, Profile.LASTING_ASSISTANCE),
        (MRS_L, Profile.FIRST_STEPS),
        ({**MRS_L, "learning_ability": "with_adjustments"}, Profile.FIRST_STEPS),
        ({**MRS_L, **_skills(0, 6)}, Profile.GUIDED_BEGINNER),
        ({**MRS_L, **_skills(3, 3)}, Profile.INTERMEDIATE),
        ({**AT_EASE, **_skills(3, 3)}, Profile.FAMILIARISE_ONLY),
        (AT_EASE, Profile.FAMILIARISE_ONLY),
    ],
)
def test_each_profile_has_its_people(chosen: Chosen, expected: Profile) -> None:
    assert _profile(chosen) is expected


@given(answer_set=any_answers())
def test_a_profile_is_undetermined_exactly_when_questions_are_still_needed(answer_set: AnswerSet) -> None:
    found = find_profile(answer_set, scores(answer_set))
    assert (found.profile is Profile.UNDETERMINED) == bool(found.questions_needed)
    unanswered = {question.id for question in answer_set.shown if not answer_set.is_answered(question)}
    assert set(found.questions_needed) <= unanswered


@given(answer_set=any_answers(depth=Depth.SCREEN))
def test_a_band_is_undetermined_exactly_when_questions_are_still_needed(answer_set: AnswerSet) -> None:
    found = find_band(answer_set)
    assert (found.band is Band.UNDETERMINED) == bool(found.questions_needed)


@given(declined=st.sets(st.sampled_from(SKILLS), min_size=1))
def test_a_declined_question_leaves_a_profile_only_if_no_answer_to_it_could_change_it(
    declined: set[str],
) -> None:
    """With too little answered, the profile stands only where every possible answer agrees."""
    chosen = {**MRS_L, **dict.fromkeys(declined, NO_ANSWER)}
    found = _profile(chosen)
    weight = {one.id: one.maximum(ScoreName.SKILLS) for one in QUESTIONS if one.skill}
    answered_weight = sum(weight[one] for one in SKILLS if one not in declined)
    if answered_weight >= 60:
        assert found is Profile.FIRST_STEPS
        return
    outcomes = {
        _profile({**chosen, **dict(zip(sorted(declined), levels, strict=True))})
        for levels in product(("not_at_all", "alone"), repeat=len(declined))
    }
    assert (found is Profile.UNDETERMINED) == (len(outcomes) > 1)


def test_the_ability_to_learn_is_asked_only_where_it_matters() -> None:
    answer_set = answered({**MRS_L, "learning_ability": NO_ANSWER})
    assert find_profile(answer_set, scores(answer_set)).questions_needed == ("learning_ability",)
    assert _profile({**AT_EASE, "learning_ability": NO_ANSWER}) is Profile.FAMILIARISE_ONLY


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (SCREEN, Band.HELP_NOW),
        ({**SCREEN, "internet_use": "sometimes", "procedures_alone": "with_help"}, Band.LEARN),
        (
            {"internet_use": "often", "equipment_connection": "both", "procedures_alone": "alone"},
            Band.AUTONOMOUS,
        ),
        (
            {"internet_use": "often", "equipment_connection": "partly", "procedures_alone": "alone"},
            Band.LEARN,
        ),
        ({**SCREEN, "procedures_alone": NO_ANSWER}, Band.UNDETERMINED),
        ({}, Band.UNDETERMINED),
    ],
)
def test_three_questions_give_a_band(chosen: Chosen, expected: Band) -> None:
    assert find_band(answered(chosen, depth=Depth.SCREEN)).band is expected


def test_a_band_stands_without_an_answer_that_could_not_change_it() -> None:
    without_equipment = {"internet_use": "never", "procedures_alone": "never"}
    assert find_band(answered(without_equipment, depth=Depth.SCREEN)).band is Band.HELP_NOW


def test_a_screen_gives_no_score_and_no_profile() -> None:
    evaluation = evaluate(answered(SCREEN, depth=Depth.SCREEN))
    assert (evaluation.scores, evaluation.profile) == ((), None)
