"""An assessment: what was proposed by the questionnaire, and what the professional retained of it.

It is `proposed` until a professional retains a profile and needs (theirs, or those proposed); from then on it is
`completed`, and drives matching. A later change of mind replaces what was retained, keeps what it replaced, and says
so. Answers, place, adaptations and free text are sealed under the case key; figures, profile and needs are not.
"""

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

from services.assessment.conditions import ScoreName
from services.assessment.questionnaire import Depth, Priority
from shared.errors import RelaisError
from shared.events.assessments import (
    AssessmentCompleted,
    AssessmentFacts,
    AssessmentRevised,
    RetainedNeed,
    Scores,
)
from shared.events.vocabulary import AgeBand, Band, Need, Profile, Urgency
from shared.idempotency import CommandRecord
from shared.security.caller import Owner
from shared.store.port import Document, Index

REVIEW_AFTER_MONTHS = 12
"""When `lasting_assistance` is looked at again: nobody is put down for life. Source: domain §3."""


class State(StrEnum):
    """Where an assessment stands."""

    PROPOSED = "proposed"
    COMPLETED = "completed"


class ChangeReason(StrEnum):
    """Why a professional retains something else than what was proposed."""

    OBSERVED_OTHERWISE = "observed_otherwise"
    PERSON_DISAGREES = "person_disagrees"
    ANSWERS_UNRELIABLE = "answers_unreliable"
    SITUATION_CHANGED = "situation_changed"
    OTHER_PRIORITY = "other_priority"
    INCOMPLETE = "incomplete"


class PersonWish(StrEnum):
    """What the person wants, in their own decision."""

    LEARN = "learn"
    BE_HELPED = "be_helped"
    SOMEONE_ACTS = "someone_acts"
    NOTHING_NOW = "nothing_now"
    UNDECIDED = "undecided"


class _Value(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class NeedLevel(_Value):
    """A proposed need, without the answers that point to it."""

    need: Need
    priority: Priority


class Decision(_Value):
    """What a professional decides; needs come by priority.

    What is left out stays as it was retained before, or else as it was proposed.
    """

    profile: Profile | None = None
    needs: tuple[Need, ...] | None = None
    profile_reason: ChangeReason | None = None
    needs_reason: ChangeReason | None = None
    person_wish: PersonWish | None = None


class Retained(_Value):
    """What was retained, by whom, when; `overridden` says it differs from what was proposed."""

    profile: Profile | None
    needs: tuple[Need, ...]
    profile_reason: ChangeReason | None
    needs_reason: ChangeReason | None
    person_wish: PersonWish
    sealed_wish: str | None
    overridden: bool
    agent: str
    service: str
    at: AwareDatetime
    review_on: date | None


class Standing(_Value):
    """Where a completed assessment stands in its case: 1 for the first, with the scores it is compared to."""

    ordinal: int
    first_scores: Scores | None
    previous_scores: Scores | None


class Assessment(Document):
    """One assessment of one person's case."""

    kind: ClassVar[str] = "assessments"
    indexes: ClassVar[tuple[Index, ...]] = (Index("by_case", ("case_id",)),)

    owner: Owner
    case_id: str
    state: State = State.PROPOSED
    depth: Depth
    questionnaire_id: str
    questionnaire_version: str
    agent: str
    service: str
    departement: str | None
    age_band: AgeBand
    urgency: Urgency
    rights_given_up: bool | None
    confidence: int
    band: Band
    figures: dict[ScoreName, int | None]
    proposed_profile: Profile
    proposed_needs: tuple[NeedLevel, ...]
    sealed_interview: str
    sealed_situation: str
    fingerprint: str
    retained: Retained | None = None
    replaced: tuple[Retained, ...] = ()
    standing: Standing | None = None
    commands: tuple[CommandRecord, ...] = ()

    @property
    def scores(self) -> Scores | None:
        """The three figures, when all are known."""
        values = {name.value: figure for name, figure in self.figures.items() if figure is not None}
        return Scores.model_validate(values) if len(values) == len(ScoreName) else None


class AssessmentError(RelaisError):
    """The base of what an assessment may refuse."""


class ReasonMissing(AssessmentError):
    """Something else than the proposal is retained without a coded reason."""

    status: ClassVar[int] = 422

    def __init__(self, field: str) -> None:
        reasons = ", ".join(ChangeReason)
        super().__init__(
            f"{field} differs from what was proposed: give {field}_reason, one of {reasons}.", field=field
        )


class ReasonWithoutChange(AssessmentError):
    """A reason to change is given where nothing changes."""

    status: ClassVar[int] = 422

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} is the one proposed: leave {field}_reason out.", field=field)


class ScreenHasNoProfile(AssessmentError):
    """A three-question screen gives a band only."""

    status: ClassVar[int] = 422

    def __init__(self) -> None:
        super().__init__(
            "A screen gives no profile: leave profile out, or make a full assessment.", field="profile"
        )


class NeedRepeated(AssessmentError):
    """A need is retained twice."""

    status: ClassVar[int] = 422

    def __init__(self, need: Need) -> None:
        super().__init__(f"needs names {need.value} twice: name each need once, by priority.", field="needs")


class Preferences(Document):
    """What an institution (its id) chose for its interviews."""

    kind: ClassVar[str] = "interview_preferences"

    blocks_off: tuple[str, ...] = ()


Published = list[AssessmentCompleted | AssessmentRevised]
Retention = tuple[Assessment, Published]


def retain(
    assessment: Assessment,
    decision: Decision,
    *,
    agent: str,
    service: str,
    at: datetime,
    standing: Standing,
    sealed_wish: str | None,
) -> Retention:
    """Retain a profile and needs: completes a proposed assessment, revises a completed one.

    Retaining again exactly what stands changes nothing and publishes nothing. `standing` is used by the completion
    only; a revision keeps the place the assessment took then.

    Raises:
        ReasonMissing, ReasonWithoutChange, ScreenHasNoProfile, NeedRepeated.
    """
    retained = _decide(assessment, decision, agent=agent, service=service, at=at, sealed_wish=sealed_wish)
    if assessment.retained is None:
        completed = assessment.model_copy(
            update={"state": State.COMPLETED, "retained": retained, "standing": standing}
        )
        return completed, [AssessmentCompleted(**_told(completed, retained, standing))]
    if _same_decision(assessment.retained, retained):
        return assessment, []
    revised = assessment.model_copy(
        update={"retained": retained, "replaced": (*assessment.replaced, assessment.retained)}
    )
    return revised, [AssessmentRevised(**_told(revised, retained, assessment.standing or standing))]


def standing_after(completed: Sequence[Assessment]) -> Standing:
    """The place of the next assessment of a case, after those completed, in the order they were completed.

    Scores are compared with those of the first and the latest full assessments; a screen has none.
    """
    scored = [one.scores for one in completed if one.scores is not None]
    return Standing(
        ordinal=len(completed) + 1,
        first_scores=scored[0] if scored else None,
        previous_scores=scored[-1] if scored else None,
    )


def by_completion(assessments: Sequence[Assessment]) -> list[Assessment]:
    """The completed ones among the assessments of a case, in the order of their place in it."""
    completed = [one for one in assessments if one.standing is not None]
    return sorted(
        completed, key=lambda one: (one.standing.ordinal if one.standing else 0, one.created_at, one.id)
    )


def months_after(day: date, months: int) -> date:
    """The same day some months later, or the last day of that month when it is shorter."""
    month = day.month - 1 + months
    year, month = day.year + month // 12, month % 12 + 1
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


def _decide(
    assessment: Assessment,
    decision: Decision,
    *,
    agent: str,
    service: str,
    at: datetime,
    sealed_wish: str | None,
) -> Retained:
    earlier = assessment.retained
    profile, profile_changed = _profile(assessment, decision)
    needs, needs_changed = _needs(assessment, decision)
    profile_reason, needs_reason = decision.profile_reason, decision.needs_reason
    if earlier and decision.profile is None:
        profile_reason = profile_reason or earlier.profile_reason
    if earlier and decision.needs is None:
        needs_reason = needs_reason or earlier.needs_reason
    _check_reason("profile", profile_changed, profile_reason)
    _check_reason("needs", needs_changed, needs_reason)
    lasting = profile is Profile.LASTING_ASSISTANCE
    return Retained(
        profile=profile,
        needs=needs,
        profile_reason=profile_reason,
        needs_reason=needs_reason,
        person_wish=decision.person_wish or (earlier.person_wish if earlier else PersonWish.UNDECIDED),
        sealed_wish=sealed_wish or (earlier.sealed_wish if earlier else None),
        overridden=profile_changed or needs_changed,
        agent=agent,
        service=service,
        at=at,
        review_on=months_after(at.date(), REVIEW_AFTER_MONTHS) if lasting else None,
    )


def _profile(assessment: Assessment, decision: Decision) -> tuple[Profile | None, bool]:
    """The profile decided, and whether it differs from the one proposed."""
    if assessment.depth is Depth.SCREEN:
        if decision.profile is not None:
            raise ScreenHasNoProfile
        return None, False
    stands = assessment.retained.profile if assessment.retained else None
    profile = decision.profile or stands or assessment.proposed_profile
    return profile, profile is not assessment.proposed_profile


def _needs(assessment: Assessment, decision: Decision) -> tuple[tuple[Need, ...], bool]:
    """The needs decided, and whether they differ from those proposed; another order is no difference."""
    proposed = tuple(one.need for one in assessment.proposed_needs)
    stands = assessment.retained.needs if assessment.retained else proposed
    needs = stands if decision.needs is None else decision.needs
    for at, need in enumerate(needs):
        if need in needs[:at]:
            raise NeedRepeated(need)
    return needs, set(needs) != set(proposed)


def _check_reason(field: str, changed: bool, reason: ChangeReason | None) -> None:
    if changed and reason is None:
        raise ReasonMissing(field)
    if reason is not None and not changed:
        raise ReasonWithoutChange(field)


def _same_decision(before: Retained, after: Retained) -> bool:
    """Whether two retentions decide the same, whoever decides and when; a wish told again is a new one."""
    apart = {"agent", "service", "at", "review_on"}
    return before.model_dump(exclude=apart) == after.model_dump(exclude=apart)


def _told(assessment: Assessment, retained: Retained, standing: Standing) -> dict[str, object]:
    return {
        "case_id": assessment.case_id,
        "owner": assessment.owner.node,
        "facts": _facts(assessment, retained, standing),
        "sealed": assessment.sealed_situation,
    }


def _facts(assessment: Assessment, retained: Retained, standing: Standing) -> AssessmentFacts:
    full = assessment.depth is Depth.FULL
    return AssessmentFacts(
        departement=assessment.departement,
        age_band=assessment.age_band,
        depth="full" if full else "screen",
        questionnaire=assessment.questionnaire_id,
        questionnaire_version=assessment.questionnaire_version,
        band=None if full else assessment.band,
        profile=retained.profile,
        needs=tuple(RetainedNeed(need=need, priority=at) for at, need in enumerate(retained.needs, start=1)),
        scores=assessment.scores,
        confidence=assessment.confidence,
        urgency=assessment.urgency,
        rights_given_up=assessment.rights_given_up,
        overridden=retained.overridden,
        ordinal=standing.ordinal,
        first_scores=standing.first_scores,
        previous_scores=standing.previous_scores,
    )
