"""Fixtures that every test may use."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.platform import SERVICES
from tests.support.platform import PlatformUnderTest, running_platform


@pytest.fixture
async def platform(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[PlatformUnderTest]:
    """A running platform in its own folder; `@pytest.mark.services("referral", …)` limits what is started."""
    marker = request.node.get_closest_marker("services")
    async with running_platform(tmp_path, names=marker.args if marker else SERVICES) as running:
        yield running
