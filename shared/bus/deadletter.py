"""A dead letter: a message that a consumer gave up on, kept as a document in that consumer's own store.

It holds the message as it came (events carry nothing personal in clear) and the cause by class and field path,
never by value.
"""

import base64
from datetime import datetime
from typing import ClassVar, Self

from pydantic import AwareDatetime

from shared.bus.port import Record
from shared.bus.topics import Topic
from shared.store.port import Document, Index


class DeadLetter(Document):
    """`id` = group/topic/partition/offset: storing it twice is the same letter. `body` is base64; None: tombstone."""

    kind: ClassVar[str] = "dead_letters"
    indexes: ClassVar[tuple[Index, ...]] = (Index("by_age"), Index("by_group", ("group",)))

    group: str
    topic: Topic
    partition: int
    offset: int
    key: str
    event_type: str | None
    body: str | None
    cause: str
    attempts: int
    published_at: AwareDatetime

    @classmethod
    def of(
        cls, record: Record, group: str, now: datetime, *, event_type: str | None, cause: str, attempts: int
    ) -> Self:
        """Return the letter for a record; `event_type` is None when it could not be read."""
        partition = record.partition
        return cls(
            id=f"{group}/{partition.topic}/{partition.number}/{record.offset}",
            created_at=now,
            group=group,
            topic=partition.topic,
            partition=partition.number,
            offset=record.offset,
            key=record.key,
            event_type=event_type,
            body=None if record.value is None else base64.b64encode(record.value).decode(),
            cause=cause,
            attempts=attempts,
            published_at=record.time,
        )
