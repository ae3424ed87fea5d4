"""Events of `relais.cases`: the end of a case."""

from typing import ClassVar

from shared.bus.topics import Topic
from shared.events.payload import NodePath, Payload


class _CaseEvent(Payload):
    topic: ClassVar[Topic] = Topic.CASES
    source: ClassVar[str] = "/relais/referral"

    owner: NodePath
    """Node of the institution that follows the case."""


class CaseErasing(_CaseEvent):
    """An erasure was asked for; the case key is about to be destroyed. The aggregate id is the case id."""

    event_type: ClassVar[str] = "fr.relais.case.erasing.v1"


class CaseErased(_CaseEvent):
    """The case key is destroyed: every service deletes or unlinks what it holds of the case."""

    event_type: ClassVar[str] = "fr.relais.case.erased.v1"
