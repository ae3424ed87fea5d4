"""What is published keeps the promise of its committed schema."""

from pathlib import Path
from typing import ClassVar

import jsonschema
import pytest

from shared.bus.topics import Topic
from shared.events.catalogue import published_types
from shared.events.examples import EXAMPLES
from shared.events.payload import Payload
from shared.events.schemas import judge, read_baselines, schema_of, write_baselines


def test_published_payloads_keep_their_promises() -> None:
    verdict = judge(published_types(), read_baselines())
    assert verdict.refusals() == []
    assert verdict.unrecorded == (), "run python -m shared.events.documentation"
    assert verdict.stale == (), "run python -m shared.events.documentation"


@pytest.mark.parametrize("payload", published_types(), ids=lambda payload: payload.event_type)
def test_examples_fit_the_committed_schema(payload: type[Payload]) -> None:
    jsonschema.validate(
        EXAMPLES[payload]["data"],
        read_baselines()[payload.event_type],
        format_checker=jsonschema.FormatChecker(),
    )


class _Thing(Payload):
    topic: ClassVar[Topic] = Topic.CASES
    source: ClassVar[str] = "/relais/referral"

    name: str


class ThingMade(_Thing):
    """A thing was made."""

    event_type: ClassVar[str] = "fr.relais.thing.made.v1"


class ThingMadeWithNote(_Thing):
    """A thing was made."""

    event_type: ClassVar[str] = "fr.relais.thing.noted.v1"

    note: str = ""


NAME = ThingMade.event_type


def test_a_type_without_a_baseline_is_unrecorded() -> None:
    assert judge([ThingMade], {}).unrecorded == (NAME,)


def test_an_addition_is_stale_until_written(tmp_path: Path) -> None:
    write_baselines([ThingMadeWithNote], tmp_path)
    recorded = read_baselines(tmp_path)[ThingMadeWithNote.event_type]
    del recorded["properties"]["note"]
    verdict = judge([ThingMadeWithNote], {ThingMadeWithNote.event_type: recorded})
    assert (verdict.stale, verdict.refusals()) == ((ThingMadeWithNote.event_type,), [])


def test_a_removed_field_is_refused_and_never_called_stale() -> None:
    promised = schema_of(ThingMade)
    promised["properties"]["weight"] = {"type": "number"}
    verdict = judge([ThingMade], {NAME: promised})
    assert verdict.stale == ()
    assert [line for line in verdict.refusals() if "weight" in line and NAME in line]


def test_a_type_that_vanished_is_refused() -> None:
    assert NAME in judge([], {NAME: schema_of(ThingMade)}).refusals()[0]


def test_writing_records_once(tmp_path: Path) -> None:
    assert write_baselines([ThingMade], tmp_path) == [NAME]
    assert write_baselines([ThingMade], tmp_path) == []
    assert judge([ThingMade], read_baselines(tmp_path)).stale == ()
