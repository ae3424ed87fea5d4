"""The vault on SQLite: the port's contract, and what is this engine's own (files, lock, master key, group commit)."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from shared.sqlite.file import FileInUse
from shared.vault.port import SealBroken, Vault, VaultUnavailable
from shared.vault.sealing import CACHED_KEYS, CaseKey, HeldKey, KeyCache, KeyDamaged
from shared.vault.sqlite import NotAVault, SqliteVault, WrongMasterKey, open_vault
from tests.contract.vault import CASE, OTHER_CASE, PLAIN, PURPOSE, VaultContract
from tests.support.clock import ManualClock

MASTER, OTHER_MASTER = b"m" * 32, b"o" * 32


@asynccontextmanager
async def running(path: Path, master: bytes = MASTER) -> AsyncIterator[SqliteVault]:
    vault = open_vault(path, master, ManualClock())
    try:
        yield vault
    finally:
        await vault.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vault.sqlite"


class TestContract(VaultContract):
    @pytest.fixture(autouse=True)
    def storage(self, path: Path) -> None:
        self.path, self.clock = path, ManualClock()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Vault]:
        vault = open_vault(self.path, MASTER, self.clock)
        yield vault
        await vault.close()

    async def destroyed_elsewhere(self, case_id: str) -> None:
        by_hand(
            self.path,
            "UPDATE case_keys SET wrapped = NULL, destroyed_at = 'now' WHERE case_id = ?",
            (case_id,),
        )


def by_hand(path: Path, statement: str, values: tuple[object, ...] = ()) -> object:
    connection = apsw.Connection(str(path))
    try:
        return connection.execute(statement, values).get
    finally:
        connection.close()


class TestFile:
    async def test_a_second_vault_on_the_file_is_refused_and_the_first_goes_on(self, path: Path) -> None:
        async with running(path) as vault:
            with pytest.raises(FileInUse):
                open_vault(path, MASTER, ManualClock())
            await vault.create(CASE, "cpam93")
            assert await vault.owner(CASE) == "cpam93"

    async def test_another_process_is_refused(self, path: Path) -> None:
        script = (
            "import asyncio, sys; from pathlib import Path; from shared.clock import SystemClock\n"
            "from shared.vault.sqlite import open_vault\n"
            "async def main(): open_vault(Path(sys.argv[1]), b'm' * 32, SystemClock())\n"
            "asyncio.run(main())"
        )
        async with running(path):
            done = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-c", script, str(path)],
                capture_output=True,
                text=True,
                check=False,
            )
        assert done.returncode != 0
        assert "already in use by process" in done.stderr

    async def test_a_refused_opening_leaves_the_file_free(self, path: Path) -> None:
        async with running(path):
            pass
        with pytest.raises(WrongMasterKey):
            open_vault(path, OTHER_MASTER, ManualClock())
        async with running(path) as vault:
            await vault.create(CASE, "cpam93")

    async def test_only_its_user_may_read_it(self, path: Path) -> None:
        async with running(path) as vault:
            await vault.create(CASE, "cpam93")
            assert {file.stat().st_mode & 0o077 for file in path.parent.iterdir()} == {0}

    async def test_another_sqlite_file_is_refused_and_left_alone(self, path: Path) -> None:
        by_hand(path, "CREATE TABLE venues (id TEXT)")
        with pytest.raises(NotAVault, match="another kind of SQLite file"):
            open_vault(path, MASTER, ManualClock())
        assert by_hand(path, "SELECT name FROM sqlite_schema") == "venues"

    def test_a_file_that_is_no_database_is_refused(self, path: Path) -> None:
        path.write_bytes(b"id,name\n" * 1_000)
        with pytest.raises(NotAVault, match="NotADBError"):
            open_vault(path, MASTER, ManualClock())

    async def test_a_newer_layout_is_refused(self, path: Path) -> None:
        async with running(path):
            pass
        by_hand(path, "PRAGMA user_version = 2")
        with pytest.raises(NotAVault, match="layout is 2"):
            open_vault(path, MASTER, ManualClock())

    async def test_once_closed_it_says_so(self, path: Path) -> None:
        async with running(path) as vault:
            await vault.create(CASE, "cpam93")
        with pytest.raises(VaultUnavailable):
            await vault.create(OTHER_CASE, "cpam93")
        with pytest.raises(VaultUnavailable):
            await vault.owner(CASE)


class TestKeys:
    async def test_no_key_and_no_text_stands_in_the_file(self, path: Path) -> None:
        keys: list[bytes] = []

        def recorded(size: int) -> bytes:
            keys.append(os.urandom(size))
            return keys[-1]

        vault = open_vault(path, MASTER, ManualClock(), recorded)
        await vault.create(CASE, "cpam93")
        await vault.seal(CASE, PURPOSE, PLAIN)
        content = everything(path)
        await vault.close()
        key = next(value for value in keys if len(value) == 32)
        assert key not in content
        assert MASTER not in content
        assert PLAIN not in content

    async def test_destroying_leaves_no_byte_of_the_wrapped_key_in_any_file(self, path: Path) -> None:
        async with running(path) as vault:
            for number in range(50):
                await vault.create(f"case-{number}", "cpam93")
            wrapped = by_hand(path, "SELECT wrapped FROM case_keys WHERE case_id = 'case-7'")
            assert isinstance(wrapped, bytes)
            assert wrapped in everything(path)
            await vault.destroy("case-7")
            assert wrapped[12:] not in everything(path)
            assert wrapped[:12] not in everything(path)

    async def test_a_key_moved_to_another_case_or_institution_does_not_unwrap(self, path: Path) -> None:
        async with running(path) as vault:
            await vault.create(CASE, "cpam93")
            await vault.create(OTHER_CASE, "cnav")
        by_hand(
            path,
            "UPDATE case_keys SET wrapped = (SELECT wrapped FROM case_keys WHERE case_id = ?) WHERE case_id = ?",
            (CASE, OTHER_CASE),
        )
        by_hand(path, "UPDATE case_keys SET institution = 'cnav' WHERE case_id = ?", (CASE,))
        async with running(path) as vault:
            for case_id in (CASE, OTHER_CASE):
                with pytest.raises(KeyDamaged):
                    await vault.owner(case_id)

    async def test_each_row_names_the_master_key_that_wraps_it(self, path: Path) -> None:
        async with running(path) as vault:
            await vault.create(CASE, "cpam93")
        named = by_hand(path, "SELECT master_key FROM case_keys")
        assert named == by_hand(path, "SELECT id FROM master_keys")
        assert MASTER.hex() not in str(named)

    async def test_two_cases_have_two_keys(self, path: Path) -> None:
        async with running(path) as vault:
            await vault.create(CASE, "cpam93")
            sealed = await vault.seal(CASE, PURPOSE, PLAIN)
            await vault.destroy(OTHER_CASE)
        elsewhere = path.with_name("other.sqlite")
        async with running(elsewhere) as vault:
            await vault.create(CASE, "cpam93")
            with pytest.raises(SealBroken):
                await vault.open(CASE, PURPOSE, sealed)

    def test_the_cache_is_bounded_and_forgets_the_one_unused_for_longest(self) -> None:
        cache = KeyCache(ManualClock())
        key = HeldKey("cpam93", CaseKey("any", b"k" * 32, os.urandom))
        for number in range(CACHED_KEYS):
            cache.put(str(number), key)
        assert cache.get("0") is key
        cache.put("one more", key)
        assert cache.get("0") is key
        assert cache.get("1") is None

    def test_a_clock_set_back_ends_a_cached_key(self) -> None:
        clock = ManualClock()
        cache = KeyCache(clock)
        cache.put(CASE, HeldKey("cpam93", CaseKey(CASE, b"k" * 32, os.urandom)))
        clock.advance(-timedelta(days=365))
        assert cache.get(CASE) is None


class TestGroupCommit:
    async def test_creations_that_wait_together_share_transactions(self, path: Path) -> None:
        async with running(path) as vault:
            before = commits(path)
            await asyncio.gather(*(vault.create(f"case-{number}", "cpam93") for number in range(400)))
            assert by_hand(path, "SELECT count(*) FROM case_keys") == 400
            assert commits(path) - before < 40

    async def test_a_created_case_survives_a_kill(self, path: Path) -> None:
        script = (
            "import asyncio, os, sys; from pathlib import Path; from shared.clock import SystemClock\n"
            "from shared.vault.sqlite import open_vault\n"
            "async def main():\n"
            "    vault = open_vault(Path(sys.argv[1]), b'm' * 32, SystemClock())\n"
            "    await asyncio.gather(*(vault.create(f'case-{n}', 'cpam93') for n in range(30)))\n"
            "    await vault.destroy('case-3')\n"
            "    os.kill(os.getpid(), 9)\n"
            "asyncio.run(main())"
        )
        done = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", script, str(path)], capture_output=True, check=False
        )
        assert done.returncode == -9, done.stderr.decode()
        async with running(path) as vault:
            assert [await vault.owner(f"case-{n}") for n in range(30) if n != 3] == ["cpam93"] * 29
        assert by_hand(path, "SELECT wrapped IS NULL FROM case_keys WHERE case_id = 'case-3'") == 1


def everything(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


def commits(path: Path) -> int:
    """Count commit frames of the log: a frame header whose size-after-commit is not zero.

    Source: sqlite.org/fileformat2.html, section 4.1: header 32 bytes, then frames of 24 bytes and a page.
    """
    log = path.with_name(path.name + "-wal").read_bytes()
    page = int.from_bytes(log[8:12], "big")
    return sum(log[at + 4 : at + 8] != b"\0\0\0\0" for at in range(32, len(log), 24 + page))
