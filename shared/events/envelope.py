"""CloudEvents 1.0 in structured JSON: how an event looks on the bus, in the log and in a webhook body.

Event id = `{aggregate id}:{sequence}`; `subject` and `partitionkey` = aggregate id; `sequence` (a CloudEvents
extension, zero-padded so that text order is number order) starts at 1 and grows by one for each aggregate, so a
consumer that keeps state for an aggregate drops what is not above the last one it saw.
Source: CloudEvents 1.0.2 JSON format and its `sequence`, `partitionkey` and `traceparent` extensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, Literal, TypeVar, cast

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from shared.bus.topics import Topic
from shared.errors import RelaisError
from shared.events.payload import PAYLOADS, Payload

RECENT = 1_024
P = TypeVar("P", bound=Payload)
P_co = TypeVar("P_co", bound=Payload, covariant=True)


@dataclass(frozen=True, slots=True)
class Event(Generic[P_co]):
    """One decoded event. `aggregate_id` orders it with `sequence`; `data` is its typed payload."""

    id: str
    type: str
    source: str
    aggregate_id: str
    sequence: int
    time: datetime
    data: P_co
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
    """One stamped event on its way to the bus: `body` is the envelope as it will be sent."""

    id: str
    type: str
    topic: Topic
    key: str
    body: bytes


class InvalidEvent(RelaisError):
    """A message that can never be handled; `cause` names a class and a field path, never a value."""

    status = 422

    def __init__(self, cause: str) -> None:
        super().__init__(f"The message can't be read as an event: {cause}.")
        self.cause = cause


class Envelope(BaseModel):
    """The attributes of a CloudEvent that we rely on; other extensions are ignored."""

    model_config = ConfigDict(extra="ignore")

    specversion: Literal["1.0"]
    id: str = Field(min_length=1, max_length=200)
    source: str = Field(min_length=1)
    type: str = Field(min_length=1)
    subject: str = Field(min_length=1)
    sequence: str = Field(pattern=r"^\d{10}$")
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    traceparent: str | None = None
    data: dict[str, Any]
    _opened: dict[Any, "Event[Any]"] = PrivateAttr(default_factory=dict)


def stamp(
    aggregate_id: str, last_sequence: int, payloads: Sequence[Payload], now: datetime, traceparent: str | None
) -> list[OutgoingEvent]:
    """Wrap payloads in envelopes numbered from `last_sequence + 1`, all dated `now` (aware, UTC)."""
    time = now.isoformat().replace("+00:00", "Z")
    return [
        _stamp_one(aggregate_id, number, payload, time, traceparent)
        for number, payload in enumerate(payloads, start=last_sequence + 1)
    ]


def _stamp_one(
    aggregate_id: str, sequence: int, payload: Payload, time: str, traceparent: str | None
) -> OutgoingEvent:
    event_id = f"{aggregate_id}:{sequence}"
    envelope: dict[str, object] = {
        "specversion": "1.0",
        "id": event_id,
        "source": payload.source,
        "type": payload.event_type,
        "subject": aggregate_id,
        "time": time,
        "datacontenttype": "application/json",
        "partitionkey": aggregate_id,
        "sequence": f"{sequence:010d}",
    }
    if traceparent:
        envelope["traceparent"] = traceparent
    envelope["data"] = orjson.Fragment(payload.model_dump_json())
    return OutgoingEvent(event_id, payload.event_type, payload.topic, aggregate_id, orjson.dumps(envelope))


@lru_cache(maxsize=RECENT)
def read_envelope(body: bytes) -> Envelope:
    """Parse a message as a CloudEvent. Recent ones are remembered: in one process every group reads the same bytes.

    Raises:
        InvalidEvent: not JSON, or not CloudEvents 1.0 with our extensions.
    """
    try:
        return Envelope.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise InvalidEvent("not JSON") from error
    except ValidationError as error:
        raise InvalidEvent(f"not CloudEvents 1.0: {_paths(error)}") from error


def open_envelope(envelope: Envelope, payload_type: type[P]) -> Event[P]:
    """Type an envelope's data; what was opened once is kept with the envelope, since neither ever changes.

    Raises:
        InvalidEvent: the data breaks the schema of its type.
    """
    opened = envelope._opened.get(payload_type)
    if opened is not None:
        return cast("Event[P]", opened)
    try:
        data = payload_type.model_validate(envelope.data)
    except ValidationError as error:
        raise InvalidEvent(f"{envelope.type}: {_paths(error)}") from error
    event = Event(
        id=envelope.id,
        type=envelope.type,
        source=envelope.source,
        aggregate_id=envelope.subject,
        sequence=int(envelope.sequence),
        time=envelope.time,
        data=data,
        traceparent=envelope.traceparent,
    )
    envelope._opened[payload_type] = event
    return event


def decode(body: bytes) -> Event[Payload]:
    """Parse and type a message whose type is in the registry.

    Raises:
        InvalidEvent: as `read_envelope` and `open_envelope`, or the type is unknown.
    """
    envelope = read_envelope(body)
    payload_type = PAYLOADS.get(envelope.type)
    if payload_type is None:
        raise InvalidEvent(f"unknown type {envelope.type[:80]}")
    return open_envelope(envelope, payload_type)


def _paths(error: ValidationError) -> str:
    """Name the fields at fault and the rule each breaks, without any value."""
    return ", ".join(
        sorted({f"{'.'.join(str(part) for part in item['loc'])} ({item['type']})" for item in error.errors()})
    )
