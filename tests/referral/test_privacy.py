"""What is personal is nowhere in clear: not in the store, the log of events, our logs, or the metrics."""

from datetime import timedelta

import pytest

from tests.referral.material import VENUE, command, created, tell_venue
from tests.support.clock import NOON
from tests.support.platform import PlatformUnderTest

pytestmark = pytest.mark.services("referral")

CONFIDED = (
    "Odette",
    "99 00 12 34",
    "rue des Essais",
    "envoyer un courriel",
    "mardi matin",
    '"93008"',
    "slower_pace",
    "99 00 55 66",
    "Salle Curie",
    "Attend sa carte",
    "Erreur de dossier",
)
"""A piece of each personal text that the life below confides."""


async def a_whole_life(platform: PlatformUnderTest) -> str:
    """Confide something by every way there is; return the referral's id."""
    await tell_venue(platform)
    cpam, pimms = await platform.client(), await platform.partner(VENUE)
    referral_id: str = (await created(cpam, client_reference="dossier-77"))["id"]
    appointment = {"at": (NOON + timedelta(days=1)).isoformat(), "place": "Salle Curie"}
    await command(pimms, referral_id, "accept")
    await command(pimms, referral_id, "schedule", {"appointment": appointment})
    await command(pimms, referral_id, "hold", {"reason": "missing_document", "note": "Attend sa carte."})
    await command(cpam, referral_id, "correct", {"reason": "other", "note": "Erreur de dossier."})
    read = await cpam.get(f"/v1/referrals/{referral_id}")
    for text in CONFIDED:
        assert text in read.text, "the life must confide what the tests look for"
    await platform.settle()
    return referral_id


def everything_stored(platform: PlatformUnderTest) -> str:
    """Return every cell of every table of the data file: documents, indexes' columns, the log."""
    engine = platform.platform.engine
    tables = [row[0] for row in engine.read("SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = [row for table in tables for row in engine.read(f'SELECT * FROM "{table}"')]
    return "\n".join(_text(cell) for row in rows for cell in row)


def _text(cell: object) -> str:
    return cell.decode() if isinstance(cell, bytes) else str(cell)


async def test_nothing_personal_is_stored_or_published_in_clear(platform: PlatformUnderTest) -> None:
    referral_id = await a_whole_life(platform)
    stored = everything_stored(platform)
    assert referral_id in stored
    assert [text for text in CONFIDED if text in stored] == []


async def test_the_clients_reference_is_in_no_event(platform: PlatformUnderTest) -> None:
    await a_whole_life(platform)
    log = platform.platform.engine.read('SELECT body FROM "log__relais.referrals"')
    assert len(log) == 5
    assert all("dossier-77" not in _text(row[0]) for row in log)


async def test_nothing_personal_is_logged_or_measured(
    platform: PlatformUnderTest, capsys: pytest.CaptureFixture[str]
) -> None:
    referral_id = await a_whole_life(platform)
    logged = "".join(capsys.readouterr())
    measured = (await platform.anonymous().get("/metrics")).text
    assert referral_id in logged
    assert referral_id not in measured
    assert "relais_referral_transitions_total" in measured
    for text in (*CONFIDED, "dossier-77"):
        assert text not in logged
        assert text not in measured
