"""Everything that is published: the events of each topic, and the service that publishes each.

The only module that imports every topic module, so that the registry is whole for whoever needs all of it: the
schemas that hold us to our word, the AsyncAPI document, `docs/events.md`.
"""

from collections.abc import Mapping
from types import ModuleType

from shared.bus.topics import TOPICS, Topic
from shared.events import assessments, cases, deliveries, matches, referrals, venues
from shared.events.payload import PAYLOADS, Payload

MODULES: tuple[ModuleType, ...] = (assessments, matches, referrals, venues, deliveries, cases)
_SOURCE_PREFIX = "/relais/"


def _published() -> Mapping[Topic, tuple[type[Payload], ...]]:
    ours = {module.__name__ for module in MODULES}  # the registry also holds the payloads that tests define
    types = [payload for payload in PAYLOADS.values() if payload.__module__ in ours]
    return {topic: tuple(payload for payload in types if payload.topic is topic) for topic in TOPICS}


CATALOGUE: Mapping[Topic, tuple[type[Payload], ...]] = _published()
"""The payloads of each topic, in the order their module tells them."""


def published_types() -> tuple[type[Payload], ...]:
    """Return every published payload, topic by topic."""
    return tuple(payload for payloads in CATALOGUE.values() for payload in payloads)


def publisher(payload: type[Payload]) -> str:
    """Return the name of the service that publishes this payload."""
    return payload.source.removeprefix(_SOURCE_PREFIX)


def published_by(service: str) -> tuple[type[Payload], ...]:
    """Return what a service publishes."""
    return tuple(payload for payload in published_types() if publisher(payload) == service)
