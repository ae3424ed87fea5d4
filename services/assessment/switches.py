"""Blocks of questions that an institution switched off, remembered for a short while between interviews."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from services.assessment.catalogue import Catalogue
from services.assessment.model import Preferences
from services.assessment.repository import AssessmentRepository
from shared.clock import Clock
from shared.errors import RelaisError
from shared.security.caller import Caller
from shared.store.port import AlreadyExists, StaleVersion
from shared.store.retry import deciding_again

REMEMBERED = timedelta(seconds=30)
"""Another process may go on asking a block for this long after it was switched off; a preference changes rarely."""


class SwitchError(RelaisError):
    """The base of what switching blocks may refuse."""


class BlockNotSwitchable(SwitchError):
    """A block that no questionnaire lets be switched off."""

    status: ClassVar[int] = 422

    def __init__(self, switchable: Sequence[str]) -> None:
        super().__init__(f"blocks_off: the blocks that can be switched off are {', '.join(switchable)}.")


class InstitutionOnly(SwitchError):
    """A client of a body or a service would decide for its whole institution."""

    status: ClassVar[int] = 403

    def __init__(self) -> None:
        super().__init__(
            "Only a client of the institution itself may choose the blocks that it does not ask."
        )


class BlockSwitches:
    """What each institution switched off."""

    def __init__(self, repository: AssessmentRepository, catalogue: Catalogue, clock: Clock) -> None:
        self._repository = repository
        self._catalogue = catalogue
        self._clock = clock
        self._known: dict[str, tuple[datetime, frozenset[str]]] = {}

    async def off(self, institution: str) -> frozenset[str]:
        """The blocks this institution does not ask."""
        now = self._clock.now()
        known = self._known.get(institution)
        if known and now - known[0] < REMEMBERED:
            return known[1]
        preferences = await self._repository.preferences(institution)
        blocks = frozenset(preferences.blocks_off) if preferences else frozenset()
        self._known[institution] = (now, blocks)
        return blocks

    async def switch_off(self, caller: Caller, blocks: Sequence[str]) -> tuple[str, ...]:
        """Ask every block again but these; return them.

        Raises:
            InstitutionOnly: the caller is only a part of the institution.
            BlockNotSwitchable: one of them is not a block that may be switched off.
        """
        institution = caller.institution
        if caller.node != institution:
            raise InstitutionOnly
        switchable = self._switchable()
        if not set(blocks) <= set(switchable):
            raise BlockNotSwitchable(switchable)
        wanted = tuple(sorted(set(blocks)))

        async def decide() -> Preferences:
            current = await self._repository.preferences(institution)
            preferences = current or Preferences(id=institution, created_at=self._clock.now())
            try:
                return await self._repository.put_preferences(
                    preferences.model_copy(update={"blocks_off": wanted})
                )
            except AlreadyExists:
                raise StaleVersion(Preferences.kind, institution) from None

        stored = await deciding_again(decide)
        self._known[institution] = (self._clock.now(), frozenset(stored.blocks_off))
        return stored.blocks_off

    def _switchable(self) -> list[str]:
        blocks = (block for one in self._catalogue.questionnaires for block in one.blocks)
        return sorted({block.id for block in blocks if block.switchable})
