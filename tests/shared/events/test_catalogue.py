"""The catalogue is whole, and its types follow one grammar."""

import pkgutil
import re
from importlib import import_module

import orjson

import shared.events
from shared.events.catalogue import CATALOGUE, MODULES, published_by, published_types, publisher
from shared.events.envelope import decode
from shared.events.examples import EXAMPLES
from shared.events.payload import Payload

GRAMMAR = re.compile(r"^fr\.relais\.[a-z]+\.[a-z]+(-[a-z]+)*\.v[1-9]\d*$")
SERVICES = {"assessment", "directory", "referral", "notifications", "statistics", "identity"}


def test_every_module_that_defines_a_payload_is_in_the_catalogue() -> None:
    defining = set()
    for found in pkgutil.iter_modules(shared.events.__path__, "shared.events."):
        module = import_module(found.name)
        for value in vars(module).values():
            if (
                isinstance(value, type)
                and issubclass(value, Payload)
                and "event_type" in vars(value)
                and value.__module__ == module.__name__
            ):
                defining.add(module)
    assert defining == set(MODULES)


def test_types_follow_the_grammar_and_come_from_a_service() -> None:
    assert published_types()
    for payload in published_types():
        assert GRAMMAR.match(payload.event_type), payload.event_type
        assert publisher(payload) in SERVICES, payload.event_type


def test_topics_partition_the_types() -> None:
    listed = [payload for payloads in CATALOGUE.values() for payload in payloads]
    assert len(listed) == len(set(listed))
    assert all(payload.topic is topic for topic, payloads in CATALOGUE.items() for payload in payloads)
    assert {payload for service in SERVICES for payload in published_by(service)} == set(listed)


def test_a_payload_of_a_test_is_not_published() -> None:
    class Planted(published_types()[0]):  # type: ignore[misc]
        event_type = "fr.relais.test.planted.v1"

    assert Planted not in published_types()


def test_every_type_has_an_example_that_decodes_to_it() -> None:
    assert set(EXAMPLES) == set(published_types())
    for payload, envelope in EXAMPLES.items():
        event = decode(orjson.dumps(envelope))
        assert type(event.data) is payload
