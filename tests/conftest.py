"""Fixtures that every test may use."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from services.platform import SERVICES
from tests.support.background import BackgroundFailures, noticing
from tests.support.platform import PlatformUnderTest, running_platform


def pytest_configure() -> None:
    """Write logs plainly: structlog's default draws each traceback with every local, for a tenth of a second."""
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ]
    )


def pytest_collection_finish() -> None:
    """Leave what the imports made out of later collections: one after each test is then quick."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def background(request: pytest.FixtureRequest) -> Iterator[BackgroundFailures]:
    """Fails the test when a background task, callback or consumer swallowed an error."""
    with noticing() as failures:
        yield failures
        if asyncio.iscoroutinefunction(request.function):
            gc.collect()  # a task's exception that nobody retrieved is only told when the task goes
    unexpected = failures.unexpected()
    if unexpected:
        pytest.fail("swallowed in the background:\n  " + "\n  ".join(unexpected), pytrace=False)


@pytest.fixture
async def platform(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[PlatformUnderTest]:
    """A running platform in its own folder; `@pytest.mark.services("referral", …)` limits what is started."""
    marker = request.node.get_closest_marker("services")
    async with running_platform(tmp_path, names=marker.args if marker else SERVICES) as running:
        yield running
