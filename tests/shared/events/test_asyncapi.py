"""The AsyncAPI document is one by its own specification, and says who sends and receives what."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from shared.bus.topics import TOPICS
from shared.events.assessments import AssessmentCompleted, AssessmentRevised
from shared.events.asyncapi import asyncapi_document
from shared.events.catalogue import published_by, published_types
from shared.events.matches import MatchCompleted
from shared.events.payload import Payload
from shared.events.referrals import ReferralCreated

SPECIFICATION = json.loads(
    (Path(__file__).parent / "asyncapi_specification" / "3.0.0.json").read_text(encoding="utf-8")
)
SERVICES = {
    "assessment": (published_by("assessment"), (ReferralCreated,)),
    "directory": (published_by("directory"), (AssessmentCompleted, AssessmentRevised)),
    "statistics": ((), published_types()),
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """Return the document of three services, as it is served: through JSON."""
    served: dict[str, Any] = json.loads(json.dumps(asyncapi_document(SERVICES)))
    return served


def references(part: Any) -> list[str]:
    """Return every `$ref` in a document."""
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [found for value in part.values() for found in references(value)]
    if isinstance(part, list):
        return [found for value in part for found in references(value)]
    return []


def resolve(document: Any, reference: str) -> Any:
    """Follow a local reference."""
    place = document
    for step in reference.removeprefix("#/").split("/"):
        place = place[step]
    return place


def test_it_validates_against_the_specification(document: dict[str, Any]) -> None:
    jsonschema.Draft7Validator(SPECIFICATION).validate(document)


@pytest.mark.parametrize("breakage", ["action", "channel"])
def test_the_specification_refuses_a_broken_document(document: dict[str, Any], breakage: str) -> None:
    broken = copy.deepcopy(document)
    operation = next(iter(broken["operations"].values()))
    operation[breakage] = "publish"
    assert not jsonschema.Draft7Validator(SPECIFICATION).is_valid(broken)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = references(document)
    assert len(found) > 100
    for reference in found:
        assert resolve(document, reference), reference


def test_channels_are_the_topics_with_their_messages(document: dict[str, Any]) -> None:
    assert set(document["channels"]) == {topic.value for topic in TOPICS}
    listed = [name for channel in document["channels"].values() for name in channel["messages"]]
    assert sorted(listed) == sorted(payload.event_type for payload in published_types())


def test_operations_say_who_sends_and_receives(document: dict[str, Any]) -> None:
    operations = document["operations"]
    sent = operations["directory.send.relais.matches"]
    assert sent["action"] == "send"
    assert {"$ref": f"#/channels/relais.matches/messages/{MatchCompleted.event_type}"} in sent["messages"]
    received = operations["directory.receive.relais.assessments"]
    assert received["action"] == "receive"
    assert len(received["messages"]) == 2
    assert not [name for name in operations if name.startswith("statistics.send")]


@pytest.mark.parametrize("payload", published_types(), ids=lambda payload: payload.event_type)
def test_each_example_fits_its_message(document: dict[str, Any], payload: type[Payload]) -> None:
    message = document["components"]["messages"][payload.event_type]
    schema = {**message["payload"], "components": document["components"]}
    jsonschema.Draft7Validator(schema).validate(message["examples"][0]["payload"])
    for attribute in ("id", "data", "sequence"):
        lacking = {key: value for key, value in message["examples"][0]["payload"].items() if key != attribute}
        assert not jsonschema.Draft7Validator(schema).is_valid(lacking)
