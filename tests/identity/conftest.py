"""Fixtures of the identity tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.identity.callers import Identity
from tests.support.platform import running_platform


@pytest.fixture
async def identity(tmp_path: Path) -> AsyncIterator[Identity]:
    """Run identity alone, on a real socket."""
    async with running_platform(tmp_path, names=("identity",)) as platform:
        yield Identity(platform)
