"""Events of `relais.deliveries`: what became of messages to institutions and partners."""

from typing import Annotated, ClassVar

from pydantic import Field

from shared.bus.topics import Topic
from shared.events.payload import NodePath, Payload


class _DeliveryEvent(Payload):
    topic: ClassVar[Topic] = Topic.DELIVERIES
    source: ClassVar[str] = "/relais/notifications"

    owner: NodePath
    subscription_id: str


class DeliveryExhausted(_DeliveryEvent):
    """Every attempt failed: the delivery is a dead letter until somebody redrives it."""

    event_type: ClassVar[str] = "fr.relais.delivery.exhausted.v1"

    event_id: str
    attempts: Annotated[int, Field(ge=1)]


class EndpointDisabled(_DeliveryEvent):
    """An endpoint failed for too long; its lanes are parked until it is enabled."""

    event_type: ClassVar[str] = "fr.relais.endpoint.disabled.v1"
