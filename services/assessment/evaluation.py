"""From a set of answers to everything the questionnaire concludes: one pure call, the same answer every time."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from services.assessment.answers import AnswerSet
from services.assessment.conditions import ScoreName, Situation
from services.assessment.needs import ProposedNeed, propose_needs
from services.assessment.profiles import BandFound, ProfileFound, find_band, find_profile
from services.assessment.questionnaire import Depth
from services.assessment.scoring import Confidence, Score, confidence, contradictions, scores
from shared.events.vocabulary import Adaptation, Profile, Urgency


class Contradictory(BaseModel):
    """Two answers to ask again, in words for the professional."""

    model_config = ConfigDict(frozen=True)

    id: str
    text: str


class Meaning(BaseModel):
    """What the answers say to the rest of the platform, whatever the questionnaire.

    `reach_km` is how far the person can go: 0 when they cannot leave home, none when not known.
    """

    model_config = ConfigDict(frozen=True)

    adaptations: tuple[Adaptation, ...]
    reach_km: float | None
    cannot_leave_home: bool
    procedures: tuple[str, ...]
    guidance: tuple[str, ...]
    urgency: Urgency
    rights_at_risk: bool | None
    skill_ranks: dict[str, int]


class Evaluation(BaseModel):
    """What one version of a questionnaire concludes from one set of answers. A screen gives a band only."""

    model_config = ConfigDict(frozen=True)

    depth: Depth
    band: BandFound
    scores: tuple[Score, ...]
    confidence: Confidence
    contradictions: tuple[Contradictory, ...]
    profile: ProfileFound | None
    needs: tuple[ProposedNeed, ...]
    meaning: Meaning

    def figures(self) -> dict[ScoreName, int | None]:
        """The three figures by name; empty for a screen."""
        return {one.name: one.figure for one in self.scores}

    def proposed_profile(self) -> Profile:
        """The profile found; a screen finds none."""
        return self.profile.profile if self.profile else Profile.UNDETERMINED


def evaluate(answer_set: AnswerSet) -> Evaluation:
    """Score a checked set of answers by its own version."""
    full = answer_set.depth is Depth.FULL
    found = contradictions(answer_set)
    figures = scores(answer_set) if full else ()
    profile = find_profile(answer_set, figures) if full else None
    situation = Situation(
        answers=answer_set.situation.answers,
        scores={one.name: one.figure for one in figures if one.figure is not None},
        profile=profile.profile if profile else None,
    )
    rules = {rule.id: rule for rule in answer_set.questionnaire.confidence.contradictions}
    return Evaluation(
        depth=answer_set.depth,
        band=find_band(answer_set),
        scores=figures,
        confidence=confidence(answer_set, found),
        contradictions=tuple(Contradictory(id=one, text=rules[one].text) for one in found),
        profile=profile,
        needs=propose_needs(answer_set, situation),
        meaning=_meaning(answer_set),
    )


def _meaning(answer_set: AnswerSet) -> Meaning:
    meanings = answer_set.questionnaire.meanings
    chosen = answer_set.choices
    reach, at_home = _reach(meanings.mobility.reach_km, chosen(meanings.mobility.question))
    procedures = chosen(meanings.procedures.question)
    rights = chosen(meanings.rights_given_up.question)
    urgent = chosen(meanings.urgent.question) & frozenset(meanings.urgent.choices)
    return Meaning(
        adaptations=tuple(one for one in Adaptation if one.value in chosen(meanings.adaptations)),
        reach_km=reach,
        cannot_leave_home=at_home,
        procedures=_in_file_order(answer_set, meanings.procedures.question),
        guidance=tuple(page for choice, page in meanings.procedures.guidance.items() if choice in procedures),
        urgency=Urgency.URGENT if urgent else Urgency.STANDARD,
        rights_at_risk=bool(rights & frozenset(meanings.rights_given_up.choices)) if rights else None,
        skill_ranks=_skill_ranks(answer_set),
    )


def _reach(reach_km: Mapping[str, float | None], chosen: frozenset[str]) -> tuple[float | None, bool]:
    if not chosen:
        return None, False
    reach = reach_km[next(iter(chosen))]
    return (0.0, True) if reach is None else (reach, False)


def _in_file_order(answer_set: AnswerSet, question_id: str) -> tuple[str, ...]:
    question = answer_set.questionnaire.question(question_id)
    chosen = answer_set.choices(question_id)
    return tuple(choice.id for choice in question.choices if choice.id in chosen) if question else ()


def _skill_ranks(answer_set: AnswerSet) -> dict[str, int]:
    ranks = {}
    for question in answer_set.shown:
        for choice in question.choices:
            if question.skill and choice.rank is not None and choice.id in answer_set.choices(question.id):
                ranks[question.id] = choice.rank
    return ranks
