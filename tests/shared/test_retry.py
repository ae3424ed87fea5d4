"""Deciding again: as often as promised, and no more."""

import asyncio
from pathlib import Path

import pytest

from shared.store.port import StaleVersion
from shared.store.retry import ATTEMPTS, deciding_again
from shared.store.sqlite import SqliteEngine
from tests.contract.samples import Note, a_note
from tests.support.clock import ManualClock


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


async def test_any_other_error_is_raised_at_once() -> None:
    calls = 0

    async def decide() -> None:
        nonlocal calls
        calls += 1
        raise KeyError("bug")

    with pytest.raises(KeyError):
        await deciding_again(decide)
    assert calls == 1


async def test_callers_side_by_side_lose_nothing(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "relais.db", ManualClock())
    store = engine.store("agenda")
    await store.add(a_note())

    async def decide() -> None:
        note = await store.get(Note, "n1")
        assert note is not None
        await store.save(note.model_copy(update={"rank": note.rank + 1}))

    answers = await asyncio.gather(*(deciding_again(decide) for _ in range(10)), return_exceptions=True)
    note = await store.get(Note, "n1")
    assert note is not None
    assert note.rank == sum(answer is None for answer in answers) >= ATTEMPTS
    assert {type(answer) for answer in answers} <= {type(None), StaleVersion}
    await engine.close()
