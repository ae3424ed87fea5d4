"""Starting and stopping the whole process: what fails on the way leaves nothing locked, running or unclosed."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

import services.platform
from services.platform import TRIM_EVERY, Platform
from shared.clock import Clock
from shared.observability.health import Level
from shared.service import Kit, Service
from shared.sqlite.file import FileInUse
from tests.contract.samples import Note, a_note
from tests.shared.surface import Nobody
from tests.support.background import BackgroundFailures
from tests.support.clock import ManualClock
from tests.support.platform import test_settings as settings_for


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    async def start(clock: Clock | None = None, **service: Any) -> Platform:
        def wire(name: str, kit: Kit) -> Service:
            made = service.get("wire")
            return made(kit) if made else Service(name, **service)

        monkeypatch.setattr(services.platform, "wire", wire)
        return await Platform.start(
            settings_for(tmp_path), clock=clock, rng=random.Random(1), names=("one",), verifier=Nobody()
        )

    return start


async def fail() -> None:
    raise KeyError("bug")


async def test_it_starts_stops_and_starts_again(start: Callable[..., Any]) -> None:
    for _ in range(2):
        platform = await start()
        assert platform.health.report()[0] is Level.OK
        await platform.stop()
        await platform.stop()


async def test_a_second_one_on_its_folder_is_refused_and_disturbs_nothing(start: Callable[..., Any]) -> None:
    platform = await start()
    with pytest.raises(FileInUse):
        await start()
    assert (await platform.engine.store("one").add(a_note())).version == 1
    await platform.stop()


def broken_wire(_kit: Kit) -> Service:
    raise KeyError("bug")


@pytest.mark.parametrize("broken", [{"wire": broken_wire}, {"on_start": [fail]}])
async def test_what_fails_at_the_start_lets_go_of_everything(
    start: Callable[..., Any], broken: dict[str, Any]
) -> None:
    with pytest.raises(KeyError):
        await start(**broken)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
    platform = await start()
    await platform.stop()


async def test_what_fails_at_the_stop_is_told_and_holds_up_nothing(start: Callable[..., Any]) -> None:
    stopped: list[str] = []

    async def note() -> None:
        stopped.append("second")

    platform = await start(on_stop=[fail, note])
    await platform.engine.store("one").add(a_note())
    with structlog.testing.capture_logs() as logs:
        await platform.stop()
    assert stopped == ["second"]
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["platform.stop.failed"]
    again = await start()
    assert await again.engine.store("one").get(Note, "n1") is not None
    await again.stop()


async def test_a_task_that_dies_fails_health_and_is_told(
    start: Callable[..., Any], background: BackgroundFailures
) -> None:
    background.expect("platform.task.died")
    platform = await start(tasks={"sweeping": fail})
    await asyncio.sleep(0)
    level, parts = platform.health.report()
    assert level is Level.FAILED
    assert parts["task one sweeping"].why == "one sweeping ended"
    await platform.stop()


async def test_tasks_are_cancelled_and_waited_for(start: Callable[..., Any]) -> None:
    ended: list[str] = []

    async def sweep() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("swept")

    platform = await start(tasks={"sweeping": sweep})
    await asyncio.sleep(0)
    await platform.stop()
    assert ended == ["swept"]


async def test_housekeeping_goes_on_after_an_engine_was_away(start: Callable[..., Any]) -> None:
    clock = ManualClock()
    platform = await start(clock)
    while not clock.sleeping():
        await asyncio.sleep(0)
    await platform.engine.close()
    with structlog.testing.capture_logs() as logs:
        clock.advance(TRIM_EVERY)
        for _ in range(5):
            await asyncio.sleep(0)
    assert [entry["event"] for entry in logs] == ["platform.housekeeping.skipped"]
    assert clock.sleeping() == 1
    await platform.stop()
