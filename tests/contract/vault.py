"""What every engine of the vault port promises. An engine's test class gives the hooks and inherits the behaviour."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.vault.port import CaseErased, SealBroken, UnknownCase, Vault
from shared.vault.sealing import KEY_LIFETIME
from tests.support.clock import ManualClock

CASE, OTHER_CASE = "9d8f6a70-7a53-4a0e-9c54-0d8a6c2d1d10", "1c0a7d6e-3f61-4d3e-8f7c-b6f5a4f3e2d1"
PURPOSE, OTHER_PURPOSE = "assessment.answers", "referral.contact"
PLAIN = b"joignable le matin, vient avec sa fille"


class VaultContract:
    """Hooks: `opened` makes a vault on this test's storage, the same storage each time it is called."""

    clock: ManualClock

    @abstractmethod
    def opened(self) -> AbstractAsyncContextManager[Vault]:
        """Open a vault on the storage, and close it at the end."""

    @abstractmethod
    async def destroyed_elsewhere(self, case_id: str) -> None:
        """Destroy a case as another process would, behind the back of the vault that is open."""

    @pytest.fixture
    async def vault(self) -> AsyncIterator[Vault]:
        async with self.opened() as vault:
            yield vault

    async def test_what_is_sealed_opens(self, vault: Vault) -> None:
        await vault.create(CASE, "cpam93")
        sealed = await vault.seal(CASE, PURPOSE, PLAIN)
        assert await vault.open(CASE, PURPOSE, sealed) == PLAIN

    async def test_sealed_text_hides_what_it_holds_and_never_repeats(self, vault: Vault) -> None:
        await vault.create(CASE, "cpam93")
        first, second = [await vault.seal(CASE, PURPOSE, PLAIN) for _ in range(2)]
        assert first != second
        assert "fille" not in first
        assert set(first) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")

    async def test_it_opens_after_a_restart(self) -> None:
        async with self.opened() as vault:
            await vault.create(CASE, "cpam93")
            sealed = await vault.seal(CASE, PURPOSE, PLAIN)
        async with self.opened() as vault:
            assert await vault.open(CASE, PURPOSE, sealed) == PLAIN
            assert await vault.owner(CASE) == "cpam93"

    async def test_creating_again_keeps_the_key(self, vault: Vault) -> None:
        await vault.create(CASE, "cpam93")
        sealed = await vault.seal(CASE, PURPOSE, PLAIN)
        await vault.create(CASE, "cpam93")
        assert await vault.open(CASE, PURPOSE, sealed) == PLAIN

    async def test_creations_of_one_case_at_once_agree_on_one_key(self) -> None:
        async with self.opened() as vault:
            await asyncio.gather(*(vault.create(CASE, "cpam93") for _ in range(20)))
            sealed = await vault.seal(CASE, PURPOSE, PLAIN)
        async with self.opened() as vault:
            assert await vault.open(CASE, PURPOSE, sealed) == PLAIN

    async def test_of_two_institutions_that_race_for_a_case_one_is_refused(self, vault: Vault) -> None:
        answers = await asyncio.gather(
            vault.create(CASE, "cpam93"), vault.create(CASE, "cnav"), return_exceptions=True
        )
        refused = [answer for answer in answers if answer is not None]
        assert [type(answer) for answer in refused] == [UnknownCase]
        assert await vault.owner(CASE) in ("cpam93", "cnav")

    async def test_another_institution_cannot_create_it(self, vault: Vault) -> None:
        await vault.create(CASE, "cpam93")
        with pytest.raises(UnknownCase):
            await vault.create(CASE, "cnav")
        assert await vault.owner(CASE) == "cpam93"

    async def test_a_case_never_created_is_unknown(self, vault: Vault) -> None:
        with pytest.raises(UnknownCase):
            await vault.owner(CASE)
        with pytest.raises(UnknownCase):
            await vault.seal(CASE, PURPOSE, PLAIN)
        with pytest.raises(UnknownCase):
            await vault.open(CASE, PURPOSE, "v1.AAAA")

    async def test_a_sealed_text_opens_only_for_its_own_case_and_purpose(self, vault: Vault) -> None:
        await vault.create(CASE, "cpam93")
        await vault.create(OTHER_CASE, "cpam93")
        sealed = await vault.seal(CASE, PURPOSE, PLAIN)
        with pytest.raises(SealBroken):
            await vault.open(OTHER_CASE, PURPOSE, sealed)
        with pytest.raises(SealBroken):
            await vault.open(CASE, OTHER_PURPOSE, sealed)

    async def test_an_altered_text_does_not_open(self, vault: Vault) -> None:
        await vault.create(CASE, "cpam93")
        sealed = await vault.seal(CASE, PURPOSE, PLAIN)
        for position in range(len(sealed)):
            other = "A" if sealed[position] != "A" else "B"
            with pytest.raises(SealBroken):
                await vault.open(CASE, PURPOSE, sealed[:position] + other + sealed[position + 1 :])

    async def test_what_was_never_sealed_does_not_open(self, vault: Vault) -> None:
        await vault.create(CASE, "cpam93")
        sealed = await vault.seal(CASE, PURPOSE, PLAIN)
        for text in ("", "v1.", "v1.AAAA", "v1.é", "v1.====", sealed[:-1], sealed[3:], "v2." + sealed[3:]):
            with pytest.raises(SealBroken):
                await vault.open(CASE, PURPOSE, text)

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(plain=st.binary(max_size=400), purpose=st.text(max_size=30))
    async def test_any_bytes_come_back(self, vault: Vault, plain: bytes, purpose: str) -> None:
        await vault.create(CASE, "cpam93")
        sealed = await vault.seal(CASE, purpose, plain)
        assert await vault.open(CASE, purpose, sealed) == plain

    async def test_a_destroyed_case_does_nothing_any_more(self, vault: Vault) -> None:
        await vault.create(CASE, "cpam93")
        sealed = await vault.seal(CASE, PURPOSE, PLAIN)
        await vault.destroy(CASE)
        await self.assert_erased(vault, sealed)

    async def test_a_destroyed_case_stays_so_after_a_restart(self) -> None:
        async with self.opened() as vault:
            await vault.create(CASE, "cpam93")
            sealed = await vault.seal(CASE, PURPOSE, PLAIN)
            await vault.destroy(CASE)
        async with self.opened() as vault:
            await self.assert_erased(vault, sealed)

    async def test_destroying_again_changes_nothing(self, vault: Vault) -> None:
        await vault.create(CASE, "cpam93")
        sealed = await vault.seal(CASE, PURPOSE, PLAIN)
        await asyncio.gather(*(vault.destroy(CASE) for _ in range(5)))
        await vault.destroy(CASE)
        await self.assert_erased(vault, sealed)

    async def test_another_institution_does_not_learn_that_a_case_was_erased(self, vault: Vault) -> None:
        await vault.create(CASE, "cpam93")
        await vault.destroy(CASE)
        with pytest.raises(UnknownCase):
            await vault.create(CASE, "cnav")

    async def test_a_case_destroyed_before_its_creation_cannot_be_created(self, vault: Vault) -> None:
        await vault.destroy(CASE)
        with pytest.raises(CaseErased):
            await vault.create(CASE, "cpam93")

    async def test_destroying_one_case_leaves_the_others(self, vault: Vault) -> None:
        await vault.create(CASE, "cpam93")
        await vault.create(OTHER_CASE, "cpam93")
        sealed = await vault.seal(OTHER_CASE, PURPOSE, PLAIN)
        await vault.destroy(CASE)
        assert await vault.open(OTHER_CASE, PURPOSE, sealed) == PLAIN

    async def test_a_key_destroyed_elsewhere_is_held_for_a_minute_at_most(self, vault: Vault) -> None:
        await vault.create(CASE, "cpam93")
        sealed = await vault.seal(CASE, PURPOSE, PLAIN)
        await self.destroyed_elsewhere(CASE)
        self.clock.advance(KEY_LIFETIME)
        await self.assert_erased(vault, sealed)

    async def test_a_key_in_use_lives_no_longer_for_being_used(self, vault: Vault) -> None:
        await vault.create(CASE, "cpam93")
        sealed = await vault.seal(CASE, PURPOSE, PLAIN)
        await self.destroyed_elsewhere(CASE)
        for _ in range(6):
            self.clock.advance(KEY_LIFETIME / 7)
            await vault.open(CASE, PURPOSE, sealed)
        self.clock.advance(KEY_LIFETIME / 7)
        await self.assert_erased(vault, sealed)

    async def assert_erased(self, vault: Vault, sealed: str) -> None:
        with pytest.raises(CaseErased):
            await vault.open(CASE, PURPOSE, sealed)
        with pytest.raises(CaseErased):
            await vault.seal(CASE, PURPOSE, PLAIN)
        with pytest.raises(CaseErased):
            await vault.owner(CASE)
        with pytest.raises(CaseErased):
            await vault.create(CASE, "cpam93")
