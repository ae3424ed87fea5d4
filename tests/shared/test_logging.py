"""Logs are JSON lines with the trace and without anything personal, whoever writes them."""

import io
import logging
import sys
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import structlog
from pydantic import BaseModel, Field

from shared.errors import NotFound
from shared.observability.logging import WITHHELD, configure_logging
from shared.observability.tracing import continue_trace

NIR = "2 69 05 99 123 456 62"
COMPACT = "269059912345662"
OWN_ID = "0017d487-0f4a-5d72-8051-ab7c61bc7af6"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    root = logging.getLogger()
    before = (root.handlers[:], root.level, structlog.get_config())
    configure_logging("INFO")

    def read() -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in written.getvalue().splitlines()]

    yield read
    root.handlers[:], root.level = before[0], before[1]
    structlog.configure(**before[2])


def test_a_line_is_json_with_level_time_and_trace(lines: Any) -> None:
    trace = continue_trace(None)
    structlog.get_logger().info("referral.transition.recorded", referral_id="r-1", duration_ms=3)
    logging.getLogger("library").warning("slow by %s s", 3)
    ours, theirs = lines()
    assert ours["event"] == "referral.transition.recorded"
    assert (ours["referral_id"], ours["duration_ms"], ours["level"]) == ("r-1", 3, "info")
    assert ours["timestamp"].endswith("Z")
    assert ours["trace_id"] == theirs["trace_id"] == trace[3:35]
    assert (theirs["event"], theirs["level"]) == ("slow by 3 s", "warning")


def test_the_least_level_is_kept(lines: Any) -> None:
    structlog.get_logger().debug("too.much.detail")
    assert lines() == []


@pytest.mark.parametrize(
    "value",
    [
        f"rappeler {NIR}",
        COMPACT,
        int(COMPACT),
        [1, f"x {NIR}"],
        {"note": {"text": NIR}},
        {NIR: 1},
        (NIR,),
        ValueError(f"bad {NIR}"),
    ],
)
def test_a_social_security_number_is_withheld_wherever_it_hides(lines: Any, value: object) -> None:
    structlog.get_logger().info("a.line.written", value=value, kept="yes")
    logging.getLogger("library").warning("got %s", value)
    ours, theirs = lines()
    assert ours["kept"] == "yes"
    for line in (ours, theirs):
        text = orjson.dumps(line).decode()
        assert NIR not in text
        assert COMPACT not in text
        assert WITHHELD in text


def test_a_traceback_shows_where_and_which_class_but_no_value(lines: Any) -> None:
    class Person(BaseModel):
        age: int = Field(ge=0)

    def read(text: str) -> None:
        try:
            Person.model_validate({"age": text})
        except ValueError as error:
            raise RuntimeError(f"could not read {text}") from error

    name = "Mme " + "Lefevre"
    for write in (structlog.get_logger().exception, logging.getLogger("library").exception):
        try:
            read(name)
        except RuntimeError:
            write("event.handler.failed")
    ours, theirs = lines()
    for line in (ours, theirs):
        text = orjson.dumps(line).decode()
        assert "Lefevre" not in text
        assert "RuntimeError" in line["exception"]
        assert "ValidationError" in line["exception"]
        assert "test_logging.py" in line["exception"]
        assert "in read" in line["exception"]


def test_an_error_of_ours_keeps_its_message(lines: Any) -> None:
    structlog.get_logger().error("a.thing.failed", exc_info=NotFound("venue", OWN_ID))
    (line,) = lines()
    assert f"NotFound: There is no venue {OWN_ID}" in line["exception"]
