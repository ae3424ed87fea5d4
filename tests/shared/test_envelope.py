"""Events on the wire: CloudEvents 1.0, and nothing that is not one is taken for one."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator, FormatChecker

from shared.events.deliveries import DeliveryExhausted
from shared.events.envelope import InvalidEvent, decode, open_envelope, read_envelope, stamp
from tests.contract.samples import MORNING, NUMBERED, numbered, other, snapshot

SCHEMA = orjson.loads((Path(__file__).parent / "reference" / "cloudevents-1.0.schema.json").read_bytes())
OFFICIAL = Draft7Validator(SCHEMA, format_checker=FormatChecker())
TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


def envelope(**changes: Any) -> bytes:
    (event,) = stamp("n1", 0, [numbered(1)], MORNING, None)
    return orjson.dumps(orjson.loads(event.body) | changes)


@pytest.mark.parametrize("trace", [None, TRACE])
@pytest.mark.parametrize(
    "payload", [numbered(1), other(), snapshot(1)], ids=lambda payload: payload.event_type
)
def test_the_official_schema_accepts_what_we_send(payload: Any, trace: str | None) -> None:
    for event in stamp("n1", 41, [payload, payload], MORNING, trace):
        message = orjson.loads(event.body)
        OFFICIAL.validate(message)
        # CloudEvents attribute names: lower-case letters and digits, at most 20.
        assert all(name.isalnum() and name.islower() and len(name) <= 20 for name in message)
        assert message.get("traceparent") == trace


def test_the_official_schema_is_really_asked() -> None:
    assert not OFFICIAL.is_valid({"specversion": "1.0", "id": "", "source": "x"})


def test_ids_and_sequences_follow_the_aggregate() -> None:
    events = stamp("n1", 9, [numbered(1), other()], MORNING, None)
    messages = [orjson.loads(event.body) for event in events]
    assert [message["id"] for message in messages] == ["n1:10", "n1:11"]
    assert [message["sequence"] for message in messages] == ["0000000010", "0000000011"]
    assert (
        {message["subject"] for message in messages}
        == {message["partitionkey"] for message in messages}
        == {"n1"}
    )
    assert [event.topic for event in events] == [NUMBERED, other().topic]
    assert messages[0]["time"] == "2026-11-23T09:00:00Z"


@given(
    number=st.integers(1, 10**9),
    aggregate=st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=100),
    at=st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    last=st.integers(0, 10**9),
)
def test_what_is_sent_is_read_back(number: int, aggregate: str, at: datetime, last: int) -> None:
    (outgoing,) = stamp(aggregate, last, [numbered(number)], at, TRACE)
    event = decode(outgoing.body)
    assert event.data == numbered(number)
    assert (event.aggregate_id, event.sequence, event.time) == (aggregate, last + 1, at)
    assert (event.id, event.type, event.traceparent) == (outgoing.id, outgoing.type, TRACE)


def test_what_a_newer_release_adds_is_ignored() -> None:
    body = envelope(
        future="x",
        data={"owner": "cpam93", "subscription_id": "s", "event_id": "e", "attempts": 2, "mood": "brave"},
    )
    assert decode(body).data == DeliveryExhausted(
        owner="cpam93", subscription_id="s", event_id="e", attempts=2
    )


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"null", "not CloudEvents 1.0:  (model_type)"),
        (envelope(specversion="0.3"), "not CloudEvents 1.0: specversion (literal_error)"),
        (envelope(time="2026-11-23T09:00:00"), "not CloudEvents 1.0: time (timezone_aware)"),
        (envelope(sequence="1"), "not CloudEvents 1.0: sequence (string_pattern_mismatch)"),
        (envelope(id=""), "not CloudEvents 1.0: id (string_too_short)"),
        (envelope(data=None), "not CloudEvents 1.0: data (dict_type)"),
        (envelope(datacontenttype="text/xml"), "not CloudEvents 1.0: datacontenttype (literal_error)"),
    ],
)
def test_what_is_no_event_is_refused_by_field_and_rule(body: bytes, cause: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        read_envelope(body)
    assert refused.value.cause == cause


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    with pytest.raises(InvalidEvent):
        decode(body)


def test_no_value_is_told() -> None:
    broken = read_envelope(envelope(data={"owner": "Mme Lefevre", "attempts": "Mme Lefevre"}))
    with pytest.raises(InvalidEvent) as refused:
        open_envelope(broken, DeliveryExhausted)
    assert "Lefevre" not in str(refused.value)
    assert "attempts (int_parsing)" in refused.value.cause


def test_a_type_nobody_publishes_is_refused() -> None:
    with pytest.raises(InvalidEvent, match=r"unknown type fr\.relais\.nothing\.v1"):
        decode(envelope(type="fr.relais.nothing.v1"))
