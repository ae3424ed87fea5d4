"""Deciding again: as often as promised, and no more."""

import pytest

from shared.store.port import StaleVersion
from shared.store.retry import ATTEMPTS, deciding_again


@pytest.mark.parametrize("stale", range(ATTEMPTS))
async def test_a_stale_version_is_decided_again(stale: int) -> None:
    calls = 0

    async def decide() -> str:
        nonlocal calls
        calls += 1
        if calls <= stale:
            raise StaleVersion("venues", "venue-1")
        return "saved"

    assert await deciding_again(decide) == "saved"
    assert calls == stale + 1


async def test_the_last_refusal_is_raised() -> None:
    calls = 0

    async def decide() -> None:
        nonlocal calls
        calls += 1
        raise StaleVersion("venues", "venue-1")

    with pytest.raises(StaleVersion):
        await deciding_again(decide)
    assert calls == ATTEMPTS
