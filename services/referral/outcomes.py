"""What a venue may say of the end of a referral: closed words only, since it goes into an event."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.events.referrals import Outcome
from shared.events.vocabulary import AutonomyAfter, StandardService


class OutcomeSaid(BaseModel):
    """What help was given and what it changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    services_given: Annotated[tuple[StandardService, ...], Field(max_length=len(StandardService))] = ()
    autonomy_after: AutonomyAfter
    equipment_obtained: bool = False
    connection_obtained: bool = False
    procedure_obtained: bool = False
    next_step: bool = False

    def as_told(self) -> Outcome:
        """The published form; each service once."""
        services = tuple(dict.fromkeys(service.value for service in self.services_given))
        return Outcome.model_validate(self.model_dump() | {"services_given": services})
