"""Events of `relais.deliveries`: what became of messages to institutions and partners."""

from typing import Annotated, ClassVar

from pydantic import Field

from shared.bus.topics import Topic
from shared.events.payload import NodePath, Payload


class _DeliveryEvent(Payload):
    topic: ClassVar[Topic] = Topic.DELIVERIES
    source: ClassVar[str] = "/relais/notifications"

    owner: NodePath
    """Node that owns the subscription."""
    subscription_id: str
    """The subscription concerned."""


class DeliveryExhausted(_DeliveryEvent):
    """Every attempt failed: the delivery is a dead letter until somebody redrives it."""

    event_type: ClassVar[str] = "fr.relais.delivery.exhausted.v1"

    event_id: str
    """The event that could not be delivered."""
    attempts: Annotated[int, Field(ge=1)]
    """How many attempts were made."""


class EndpointDisabled(_DeliveryEvent):
    """An endpoint failed for too long; its lanes are parked until it is enabled."""

    event_type: ClassVar[str] = "fr.relais.endpoint.disabled.v1"
