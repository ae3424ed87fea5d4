"""A dead letter: a message that a consumer gave up on, kept as a document in that consumer's own store.

It holds the message as it came (events carry nothing personal in clear) and the cause by class and field path,
never by value.
"""

from typing import ClassVar

from pydantic import AwareDatetime

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
