"""Seals the personal parts of a referral under its case key, and opens those that a reader may see."""

from collections.abc import Iterable

import orjson

from services.referral.model import Referral, SealedParts
from services.referral.parts import PART_NAMES, PersonalParts
from shared.vault.port import Vault

NOTE = "referral.note"
PLACE = "referral.place"


class Sealing:
    """Works on the vault; opens nothing of an erased referral."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def seal_parts(self, case_id: str, parts: PersonalParts) -> SealedParts:
        """Seal each part that is given.

        Raises:
            UnknownCase, CaseErased: see the vault.
        """
        plain = parts.model_dump(mode="json", include=set(parts.given))
        sealed = {
            name: await self._vault.seal(case_id, _purpose(name), orjson.dumps(value))
            for name, value in plain.items()
        }
        return SealedParts.model_validate(sealed)

    async def open_parts(self, referral: Referral, names: Iterable[str] = PART_NAMES) -> PersonalParts:
        """Open these parts, where they were given.

        Raises:
            CaseErased: the key is gone, though the referral was not yet cleaned.
        """
        opened = {}
        for name in names:
            sealed: str | None = getattr(referral.sealed, name)
            if sealed is not None and referral.case_id is not None:
                opened[name] = orjson.loads(await self._vault.open(referral.case_id, _purpose(name), sealed))
        return PersonalParts.model_validate(opened)

    async def seal_text(self, case_id: str, purpose: str, text: str | None) -> str | None:
        """Seal a note or a place; None stays None."""
        return None if text is None else await self._vault.seal(case_id, purpose, text.encode())

    async def open_text(self, case_id: str | None, purpose: str, sealed: str | None) -> str | None:
        """Open a note or a place; None stays None."""
        if sealed is None or case_id is None:
            return None
        return (await self._vault.open(case_id, purpose, sealed)).decode()


def _purpose(part: str) -> str:
    return f"referral.{part}"
