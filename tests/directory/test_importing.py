"""An import is atomic for readers and repeatable after a crash at any step; an index follows and comes back after a restart."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from services.directory.cli import import_file
from services.directory.documents import Import, Venue
from services.directory.importing import Importer
from services.directory.matching.index import VenueIndex
from services.directory.model import ImportState
from services.directory.replica import IndexReplica
from services.directory.repository import ImportRepository, LoadRepository, VenueRepository
from shared.clock import Clock
from shared.ids import RandomIds
from shared.security.caller import Owner
from shared.store.port import Store, StoreUnavailable
from tests.directory.material import cells, csv_of, municipalities, sample_part
from tests.directory.test_api import bring, venue
from tests.support.clock import NOON, ManualClock
from tests.support.platform import PlatformUnderTest, running_platform

pytestmark = pytest.mark.services("directory")

OLD = csv_of(*(cells(id=f"v{n}", nom="Ancien") for n in range(8)))
NEW = csv_of(*(cells(id=f"v{n}", nom="Nouveau") for n in range(2, 10)))


class DyingStore:
    """The real store, until a number of writes: then each fails, as if the process had died before it."""

    def __init__(self, store: Store, writes: int) -> None:
        self._store, self._left = store, writes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def add(self, *args: Any) -> Any:
        self._count()
        return await self._store.add(*args)

    async def save(self, *args: Any) -> Any:
        self._count()
        return await self._store.save(*args)

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise StoreUnavailable("killed by the test")


def importer_over(platform: PlatformUnderTest, store: Any, clock: Clock) -> Importer:
    venues = VenueRepository(store)
    replica = IndexReplica(
        index=VenueIndex(), venues=venues, loads=LoadRepository(store), bus=platform.platform.bus
    )
    return Importer(
        venues=venues,
        imports=ImportRepository(store),
        replica=replica,
        municipalities=municipalities(),
        clock=clock,
    )


async def begun(platform: PlatformUnderTest, identifier: str) -> Import:
    store = platform.store("directory")
    imported = Import(id=identifier, created_at=NOON, source="hub", owner=Owner(institution="cpam93"))
    return await ImportRepository(store).add(imported)


async def shown(platform: PlatformUnderTest) -> dict[str, str]:
    """What readers of the store see of the source."""
    repository = VenueRepository(platform.store("directory"))
    found = [one async for one in repository.everything()]
    return {one.record.id: one.record.nom for one in found if one.record and one.retired_at is None}


BEFORE = {f"v{n}": "Ancien" for n in range(8)}
AFTER = {f"v{n}": "Nouveau" for n in range(2, 10)}


async def test_readers_see_the_old_or_the_new_wherever_an_import_dies(platform: PlatformUnderTest) -> None:
    store = platform.store("directory")
    await importer_over(platform, store, platform.clock).bring_in(await begun(platform, "import-0"), [OLD])
    seen = []
    for writes in range(0, 60, 3):
        imported = await begun(platform, f"import-{writes + 1}")
        content = NEW if len(seen) % 2 == 0 else OLD
        expected = (BEFORE, AFTER) if content == NEW else (AFTER, BEFORE)
        dying = importer_over(platform, DyingStore(store, writes), platform.clock)
        try:
            await dying.bring_in(imported, [content])
        except StoreUnavailable:
            assert await shown(platform) in expected
        again = await ImportRepository(store).get(imported.id)
        assert again is not None
        if again.state is ImportState.RUNNING:
            await importer_over(platform, store, platform.clock).bring_in(again, [content])
        assert await shown(platform) == expected[1]
        left = [one async for one in store.scan(Venue) if one.staged is not None]
        assert left == []
        seen.append(writes)
    index = platform.platform.services["directory"].components[VenueIndex]
    assert isinstance(index, VenueIndex)


async def test_what_a_dead_import_staged_never_shows(platform: PlatformUnderTest) -> None:
    store = platform.store("directory")
    await importer_over(platform, store, platform.clock).bring_in(await begun(platform, "one"), [OLD])
    dying = importer_over(platform, DyingStore(store, 6), platform.clock)
    with pytest.raises(StoreUnavailable):
        await dying.bring_in(await begun(platform, "two"), [NEW])
    assert any(one.staged for one in [one async for one in store.scan(Venue)])
    await importer_over(platform, store, platform.clock).bring_in(await begun(platform, "three"), [OLD])
    assert await shown(platform) == BEFORE


async def test_an_index_comes_back_after_a_restart(tmp_path: Path) -> None:
    async with running_platform(tmp_path, names=["directory"]) as platform:
        client = await platform.client()
        await bring(client, "hub", OLD)
        await client.post("/v1/venues", venue())
        index: Any = platform.platform.services["directory"].components[VenueIndex]
        revision, ids = index.revision, index.ids()
    async with running_platform(tmp_path, names=["directory"]) as platform:
        index = platform.platform.services["directory"].components[VenueIndex]
        assert (index.revision, index.ids()) == (revision, ids)
        assert len(ids) == 9


async def test_an_import_cut_by_a_stop_is_taken_up_again(tmp_path: Path) -> None:
    clock = ManualClock()
    spool = tmp_path / "imports"
    async with running_platform(tmp_path, names=["directory"], clock=clock) as platform:
        await begun(platform, "55555555-5555-4555-8555-555555555555")
    spool.mkdir(exist_ok=True)
    (spool / "55555555-5555-4555-8555-555555555555.csv").write_bytes(OLD)
    (spool / "66666666-6666-4666-8666-666666666666.csv").write_bytes(OLD)
    async with running_platform(tmp_path, names=["directory"], clock=clock) as platform:
        client = await platform.client("cpam93")
        page = await client.get("/v1/imports/55555555-5555-4555-8555-555555555555")
        while page.json["state"] == "running":
            page = await client.get("/v1/imports/55555555-5555-4555-8555-555555555555")
        assert page.json["counts"]["imported"] == 8
    assert list(spool.iterdir()) == []


async def test_another_process_s_index_follows_the_topic(platform: PlatformUnderTest) -> None:
    client = await platform.client()
    store = platform.store("directory")
    await bring(client, "hub", OLD)
    other = VenueIndex()
    replica = IndexReplica(
        index=other, venues=VenueRepository(store), loads=LoadRepository(store), bus=platform.platform.bus
    )
    await replica.load()
    made = await client.post("/v1/venues", venue())
    await client.put(f"/v1/venues/{made.json['id']}", venue(nom="Autre"))
    await bring(client, "hub", NEW)
    await replica.catch_up()
    own: Any = platform.platform.services["directory"].components[VenueIndex]
    assert other.revision == own.revision
    assert other.ids() == own.ids()


async def test_the_command_line_shows_the_report(platform: PlatformUnderTest, tmp_path: Path) -> None:
    file = tmp_path / "lieux.csv"
    file.write_bytes(sample_part() + csv_of(cells(telephone="appeler Claire")).split(b"\n", 1)[1])
    store = platform.store("directory")
    console = Console(record=True, width=140, file=io.StringIO())
    parts = platform.platform.services["directory"].components
    importer: Any = parts[Importer]
    done = await import_file(
        file,
        "sample",
        importer=importer,
        imports=ImportRepository(store),
        owner=Owner(institution="cpam93"),
        clock=platform.clock,
        ids=RandomIds(),
        console=console,
    )
    text = console.export_text()
    assert done.state is ImportState.COMPLETED
    assert "61 rows: 61 imported (61 new, 0 changed, 0 unchanged), 0 rejected, 0 venues retired" in text
    assert "appeler Claire" in text
