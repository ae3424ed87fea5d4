"""A receiver and a service to try, for the tests of notifications."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.store.sqlite import SqliteEngine
from tests.notifications.receiver import Receiver, running_receiver
from tests.notifications.workbench import Bench, running_bench
from tests.support.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    """The clock of the bench."""
    return ManualClock()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on loopback."""
    async with running_receiver() as running:
        yield running


@pytest.fixture
async def engine(tmp_path: Path, clock: ManualClock) -> AsyncIterator[SqliteEngine]:
    """An open embedded store."""
    opened = SqliteEngine(tmp_path / "relais.db", clock)
    yield opened
    await opened.close()


@pytest.fixture
async def bench(engine: SqliteEngine, clock: ManualClock) -> AsyncIterator[Bench]:
    """A notifications service on that store."""
    async with running_bench(engine, clock) as running:
        yield running
