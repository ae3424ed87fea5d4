"""Events of `relais.matches`: which venues answer a person's needs, and what is missing."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.bus.topics import Topic
from shared.events.payload import Departement, NodePath, Payload
from shared.events.vocabulary import Coverage, Need


class NeedCoverage(BaseModel):
    """Whether one need is within the person's reach."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    need: Need
    coverage: Coverage


class MatchCompleted(Payload):
    """Venues were proposed. `case_id` and `assessment_id` are null when it was asked directly, without a person."""

    event_type: ClassVar[str] = "fr.relais.match.completed.v1"
    topic: ClassVar[Topic] = Topic.MATCHES
    source: ClassVar[str] = "/relais/directory"

    owner: NodePath
    cause: Literal["assessment", "request"]
    case_id: str | None = None
    assessment_id: str | None = None
    departement: Departement | None
    needs: tuple[NeedCoverage, ...]
    venue_ids: tuple[str, ...]
    index_revision: Annotated[int, Field(ge=0)]


class NeedUncovered(Payload):
    """No venue within reach answers this need: a point on the map of what is missing."""

    event_type: ClassVar[str] = "fr.relais.need.uncovered.v1"
    topic: ClassVar[Topic] = Topic.MATCHES
    source: ClassVar[str] = "/relais/directory"

    owner: NodePath
    case_id: str | None = None
    departement: Departement | None
    need: Need
