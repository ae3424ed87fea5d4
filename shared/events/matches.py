"""Events of `relais.matches`: which venues answer a person's needs, and what is missing."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, Field

from shared.bus.topics import Topic
from shared.events.payload import PUBLISHED, Departement, NodePath, Payload
from shared.events.vocabulary import Coverage, Need


class NeedCoverage(BaseModel):
    """Whether one need is within the person's reach."""

    model_config = PUBLISHED

    need: Need
    """The need looked at."""
    coverage: Coverage
    """Whether a venue within reach answers it."""


class MatchCompleted(Payload):
    """Venues were proposed. `case_id` and `assessment_id` are null when it was asked directly, without a person."""

    event_type: ClassVar[str] = "fr.relais.match.completed.v1"
    topic: ClassVar[Topic] = Topic.MATCHES
    source: ClassVar[str] = "/relais/directory"

    owner: NodePath
    """Node of the institution that asked."""
    cause: Literal["assessment", "request"]
    """`assessment`: an event asked for it; `request`: a client did."""
    case_id: str | None = None
    """The case; null when asked without a person."""
    assessment_id: str | None = None
    """The assessment that caused it."""
    departement: Departement | None
    """Where venues were looked for; null: not known."""
    needs: tuple[NeedCoverage, ...]
    """Each need with its coverage."""
    venue_ids: tuple[str, ...]
    """The venues proposed, best first."""
    index_revision: Annotated[int, Field(ge=0)]
    """Revision of the venue index that answered."""


class NeedUncovered(Payload):
    """No venue within reach answers this need: a point on the map of what is missing."""

    event_type: ClassVar[str] = "fr.relais.need.uncovered.v1"
    topic: ClassVar[Topic] = Topic.MATCHES
    source: ClassVar[str] = "/relais/directory"

    owner: NodePath
    """Node of the institution that asked."""
    case_id: str | None = None
    """The case; null when asked without a person."""
    departement: Departement | None
    """Where venues were looked for; null: not known."""
    need: Need
    """The need looked at."""
