"""The base of every event payload, and the registry by type.

Inside `.v1` only additions are allowed: consumers ignore fields they do not know, and a committed JSON Schema
per type (`shared/events/schemas/`) is the baseline that a test holds us to. Anything else is a `.v2`.
"""

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from shared.bus.topics import Topic

TYPE_PREFIX = "fr.relais."

Departement = Annotated[str, Field(pattern=r"^(0[1-9]|[1-8]\d|9[0-5]|2[AB]|97[1-8]|98[4-9])$")]
"""Official département code: the finest place that leaves the sealed part of a case."""

NodePath = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}(/[a-z0-9][a-z0-9-]{0,39}){0,2}$")]
"""A node of the institution tree as a path of one to three parts: `institution/body/service`."""

PUBLISHED = ConfigDict(extra="ignore", frozen=True, use_attribute_docstrings=True)
"""The configuration of a payload and of its parts; a field's docstring is its meaning in `docs/events.md`."""

PAYLOADS: dict[str, type["Payload"]] = {}
"""Every published type by its CloudEvents `type`; filled as the topic modules are imported."""


class Payload(BaseModel):
    """What an event says, without its envelope. Never personal in clear: countable facts, and a sealed part."""

    model_config = PUBLISHED

    event_type: ClassVar[str]
    topic: ClassVar[Topic]
    source: ClassVar[str]

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Register the type; two payloads of one type are a programming error."""
        super().__pydantic_init_subclass__(**kwargs)
        event_type = cls.__dict__.get("event_type")
        if event_type is None:
            return
        if event_type in PAYLOADS:
            raise TypeError(f"{event_type} is already published by {PAYLOADS[event_type].__name__}")
        PAYLOADS[event_type] = cls
