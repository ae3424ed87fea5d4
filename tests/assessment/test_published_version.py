"""A version that was used keeps its conclusions: assessments are explained again from their answers when read."""

import pytest

from services.assessment.conditions import ScoreName
from services.assessment.evaluation import evaluate
from shared.events.vocabulary import Band, Profile
from tests.assessment.material import AT_EASE, MRS_L, SKILLS, Chosen, answered

HELPED = {
    **AT_EASE,
    **dict.fromkeys(SKILLS, "with_help"),
    "internet_use": "sometimes",
    "equipment_connection": "partly",
    "procedures_alone": "with_help",
    "device": "shared",
    "printing": "one_of_them",
    "connection": "mobile_only",
    "email": "with_help",
    "helper": "relative",
    "rights_given_up": "once",
}


@pytest.mark.parametrize(
    ("chosen", "band", "profile", "figures", "confidence"),
    [
        (MRS_L, Band.HELP_NOW, Profile.FIRST_STEPS, (0, 0, 8), 85),
        (HELPED, Band.LEARN, Profile.GUIDED_BEGINNER, (52, 46, 41), 85),
        (AT_EASE, Band.AUTONOMOUS, Profile.FAMILIARISE_ONLY, (100, 100, 100), 85),
        (
            {"skill_searching": "alone", "email": "own"},
            Band.UNDETERMINED,
            Profile.UNDETERMINED,
            (None, 100, 100),
            40,
        ),
    ],
)
def test_relais_2026_1_concludes_as_it_always_did(
    chosen: Chosen,
    band: Band,
    profile: Profile,
    figures: tuple[int | None, ...],
    confidence: int,
) -> None:
    evaluation = evaluate(answered(chosen))
    assert evaluation.band.band is band
    assert evaluation.proposed_profile() is profile
    assert evaluation.figures() == dict(zip(ScoreName, figures, strict=True))
    assert evaluation.confidence.figure == confidence
