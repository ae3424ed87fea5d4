"""What a process says of itself."""

import pytest

from shared.observability.health import OK, Health, Level, State
from tests.shared.surface import surface
from tests.support.asgi import ask

DEGRADED, FAILED = State(Level.DEGRADED, "the bus is away"), State(Level.FAILED, "stopped")


@pytest.mark.parametrize(
    ("states", "level", "status"),
    [
        ([], "ok", 200),
        ([OK, OK], "ok", 200),
        ([OK, DEGRADED], "degraded", 200),
        ([FAILED, DEGRADED, OK], "failed", 503),
    ],
)
async def test_the_worst_part_decides(states: list[State], level: str, status: int) -> None:
    health = Health()
    for number, state in enumerate(states):
        health.add(f"part {number}", lambda state=state: state)  # type: ignore[misc]
    answer = await ask(surface(health), "GET", "/healthz")
    assert (answer.status, answer.json["level"]) == (status, level)
    assert answer.json["parts"] == {
        f"part {number}": {"level": state.level.value, "why": state.why}
        for number, state in enumerate(states)
    }


async def test_a_check_that_fails_is_a_failed_part_and_hides_no_other() -> None:
    def broken() -> State:
        raise KeyError("Mme Lefevre")

    health = Health()
    health.add("broken", broken)
    health.add("well", lambda: OK)
    answer = await ask(surface(health), "GET", "/healthz")
    assert answer.status == 503
    assert answer.json["parts"] == {
        "broken": {"level": "failed", "why": "its check fails: KeyError"},
        "well": {"level": "ok", "why": ""},
    }


@pytest.mark.parametrize(("waiting", "status"), [({}, 200), ({"directory": "reading venues"}, 503)])
async def test_readiness_names_who_is_waited_for(waiting: dict[str, str], status: int) -> None:
    answer = await ask(surface(waiting=waiting), "GET", "/readyz")
    assert answer.status == status
    assert answer.json == {"ready": not waiting, "waiting_for": waiting}


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/asyncapi.json", "/metrics"])
async def test_every_process_describes_itself(path: str) -> None:
    answer = await ask(surface(), "GET", path)
    assert answer.status == 200
    assert b"cdn." not in answer.body
