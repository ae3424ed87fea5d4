"""What is asked of matching, and what it answers.

Every constraint has three answers. Only a stated *no* excludes a venue; *unknown* lowers its rank and asks for a call
before anybody is sent there.
"""

from dataclasses import dataclass
from datetime import date
from enum import IntEnum, StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator

from shared.events.vocabulary import Adaptation, Coverage, Modality, Need, Profile, Public, Urgency

DEFAULT_REACH_KM = 20.0
"""Used, and said, when nobody knows how far the person can go."""

MAX_TOP = 20


class Answer(IntEnum):
    """One constraint's answer. The numbers are unary (`yes` includes `unknown`'s bit): AND is `&` and OR is `|`."""

    NO = 0b00
    UNKNOWN = 0b01
    YES = 0b11


class RuleCode(StrEnum):
    """The constraints that a venue answers, in the order of `rules.RULES`."""

    PUBLICS = "publics"
    COST = "cost"
    CARE = "care"
    MODALITY = "modality"
    REACHABLE = "reachable"
    RECEIVES_PUBLIC = "receives_public"
    STOPS = "stops"
    PROFILE = "profile"


class ExclusionCode(StrEnum):
    """Exclusions that are not a rule's stated no."""

    SERVICE = "service"
    VENUE_EXCLUDED = "venue_excluded"


STRICT_CRITERIA = frozenset(
    {RuleCode.PUBLICS, RuleCode.COST, RuleCode.CARE, RuleCode.MODALITY, RuleCode.REACHABLE}
)
"""What an institution may make strict: an unknown then excludes."""


class Point(BaseModel):
    """Where distances are counted from (WGS84 degrees), and its département when known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    departement: str | None = None


class MatchRequest(BaseModel):
    """A question: retained needs by priority, a position, and the person's constraints.

    `reach_km` is in a straight line; None means unknown and `DEFAULT_REACH_KM` is used. `top` is how many venues to
    propose.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    needs: tuple[Need, ...] = Field(min_length=1, max_length=len(Need))
    position: Point
    reach_km: float | None = Field(default=None, ge=0, le=200)
    profile: Profile | None = None
    publics: frozenset[Public] = frozenset()
    adaptations: frozenset[Adaptation] = frozenset()
    free_only: bool = False
    modality: Modality | None = None
    urgency: Urgency = Urgency.STANDARD
    strict: frozenset[RuleCode] = frozenset()
    venues_preferred: frozenset[str] = Field(default=frozenset(), max_length=100)
    venues_excluded: frozenset[str] = Field(default=frozenset(), max_length=100)
    top: int = Field(default=3, ge=1, le=MAX_TOP)

    @field_validator("needs")
    @classmethod
    def _each_need_once(cls, needs: tuple[Need, ...]) -> tuple[Need, ...]:
        if len(set(needs)) != len(needs):
            raise ValueError("a need is named twice; name each once, the first is the most important")
        return needs

    @field_validator("strict")
    @classmethod
    def check_strict(cls, strict: frozenset[RuleCode]) -> frozenset[RuleCode]:
        """Let through the criteria that may be strict."""
        if extra := strict - STRICT_CRITERIA:
            allowed = ", ".join(sorted(STRICT_CRITERIA))
            raise ValueError(f"{', '.join(sorted(extra))} cannot be strict; possible: {allowed}")
        return strict

    @property
    def reach_used_km(self) -> float:
        """The reach that is applied."""
        return DEFAULT_REACH_KM if self.reach_km is None else self.reach_km


class ReasonCode(StrEnum):
    """What is said of a proposed venue; `texts` holds the French sentence of each."""

    DISTANCE = "distance"
    DISTANCE_UNKNOWN = "distance_unknown"
    NEED = "need"
    RULE = "rule"
    FREE = "free"
    WALK_IN = "walk_in"
    DATA_AGE = "data_age"
    DATA_AGE_UNKNOWN = "data_age_unknown"
    LOAD = "load"
    PREFERRED = "preferred"


class Reason(NamedTuple):
    """One reason: its code, the answer it stands for, and its subject (a need, a rule) or figure (metres, months)."""

    code: ReasonCode
    answer: Answer
    subject: str = ""
    figure: int = 0


class Proposal(NamedTuple):
    """A venue proposed. `to_verify` when anything asked of it is unknown. `score` only orders one answer's venues."""

    venue_id: str
    score: int
    distance_m: int | None
    to_verify: bool
    reasons: tuple[Reason, ...]


class WideningCode(StrEnum):
    """What could be given up to see more venues."""

    REACH = "reach"
    COST = "cost"
    MODALITY = "modality"
    PUBLICS = "publics"
    STRICT = "strict"
    VENUES_EXCLUDED = "venues_excluded"


@dataclass(frozen=True, slots=True)
class Widening:
    """Giving up `code` (or going as far as `reach_km`) would leave `venues` to choose from."""

    code: WideningCode
    venues: int
    reach_km: float | None = None


@dataclass(frozen=True, slots=True)
class MatchAnswer:
    """The answer to a request, at a stated index revision and load snapshot.

    `within_reach` venues were looked at; `exclusions` counts those excluded, by rule (one venue may count under
    several); `eligible` remain. `coverage` has one entry a need that venues can answer at all.
    """

    coverage: dict[Need, Coverage]
    proposals: tuple[Proposal, ...]
    within_reach: int
    eligible: int
    exclusions: dict[str, int]
    index_revision: int
    load_revision: int
    as_of: date


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A venue that is not proposed, and every rule that said no."""

    venue_id: str
    distance_m: int | None
    rules: tuple[str, ...]
