"""How a person has moved between assessments."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.assessment.conditions import ScoreName
from services.assessment.progress import Step, progress
from shared.events.vocabulary import Profile

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _step(number: int, skills: int, ranks: dict[str, int], **changes: Any) -> Step:
    step = Step(
        assessment_id=f"a{number}",
        assessed_at=NOON + timedelta(days=90 * number),
        questionnaire_id="relais",
        questionnaire_version="2026-1",
        profile=Profile.FIRST_STEPS,
        figures={ScoreName.ACCESS: 40, ScoreName.SKILLS: skills, ScoreName.AUTONOMY: 10 * number},
        skill_ranks=ranks,
    )
    return step.model_copy(update=changes)


def test_the_latest_is_compared_with_the_first_and_the_previous() -> None:
    found = progress(
        [
            _step(1, 0, {"search": 0, "type": 1}),
            _step(2, 30, {"search": 2, "type": 1}),
            _step(3, 25, {"search": 1, "type": 2}, profile=Profile.GUIDED_BEGINNER),
        ]
    )
    assert found.since_first is not None
    assert found.since_previous is not None
    assert (found.since_first.since, found.since_previous.since) == ("a1", "a2")
    assert found.since_first.change == {ScoreName.ACCESS: 0, ScoreName.SKILLS: 25, ScoreName.AUTONOMY: 20}
    assert found.since_previous.change[ScoreName.SKILLS] == -5
    assert found.since_first.skills_gained == ("search", "type")
    assert found.since_previous.skills_gained == ("type",)
    assert found.since_previous.skills_lost == ("search",)
    assert found.since_first.profile_after is Profile.GUIDED_BEGINNER


def test_one_assessment_moves_nothing() -> None:
    found = progress([_step(1, 10, {})])
    assert (found.since_first, found.since_previous) == (None, None)


def test_figures_of_two_versions_are_not_subtracted() -> None:
    found = progress(
        [_step(1, 0, {"search": 0}), _step(2, 30, {"search": 2}, questionnaire_version="2026-2")]
    )
    assert found.since_first is not None
    assert not found.since_first.comparable
    assert set(found.since_first.change.values()) == {None}
    assert found.since_first.skills_gained == ()


def test_a_figure_missing_on_one_side_gives_no_difference() -> None:
    blank = _step(1, 0, {}, figures={ScoreName.ACCESS: None, ScoreName.SKILLS: 5, ScoreName.AUTONOMY: None})
    found = progress([blank, _step(2, 30, {})])
    assert found.since_first is not None
    assert found.since_first.change == {
        ScoreName.ACCESS: None,
        ScoreName.SKILLS: 25,
        ScoreName.AUTONOMY: None,
    }
