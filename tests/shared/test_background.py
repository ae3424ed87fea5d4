"""The fixture that every test runs under: it must notice, or it proves nothing."""

import asyncio
import gc
from collections.abc import Iterator

import pytest
import structlog

from tests.support.background import BackgroundFailures, noticing


@pytest.fixture(autouse=True)
def forgiven(background: BackgroundFailures) -> Iterator[None]:
    """Let the fixture that watches this very test pass over what is done wrong on purpose."""
    yield
    background.seen.clear()


async def fail() -> None:
    raise ValueError("unseen")


async def test_a_task_whose_error_nobody_asked_for_is_noticed() -> None:
    with noticing() as failures:
        task = asyncio.create_task(fail())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task
        gc.collect()
    (seen,) = failures.unexpected()
    assert "never retrieved" in seen
    assert "unseen" in seen


async def test_a_callback_that_fails_is_noticed() -> None:
    with noticing() as failures:
        asyncio.get_running_loop().call_soon(lambda: 1 // 0)
        await asyncio.sleep(0)
    assert "ZeroDivisionError" in failures.unexpected()[0]


def test_what_was_expected_passes_and_must_happen() -> None:
    with noticing() as failures:
        failures.expect("platform.task.died")
        assert failures.unexpected() == ["platform.task.died was expected and did not happen"]
        structlog.get_logger().error("platform.task.died", task="x")
        assert failures.unexpected() == []
        structlog.get_logger().error("event.consumer.stopped", why="y")
    assert failures.unexpected() == ["event.consumer.stopped y"]
