"""A case on its way out: the document that carries an erasure from the order to the proof.

A case lives in the vault from its first assessment or referral. It gets a document here when its erasure is asked for:
`erasing` until its key is destroyed, then `erased`, for good.
"""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from pydantic import AwareDatetime

from shared.events.cases import CaseErased, CaseErasing
from shared.store.port import Document


class CaseState(StrEnum):
    """`open` has no document."""

    OPEN = "open"
    ERASING = "erasing"
    ERASED = "erased"


class Case(Document):
    """A case whose erasure was asked for, at `created_at`, by an agent of its institution."""

    kind: ClassVar[str] = "cases"

    institution: str
    state: CaseState
    agent: str
    service: str
    erased_at: AwareDatetime | None = None

    def key_destroyed(self, at: datetime) -> tuple["Case", tuple[CaseErased, ...]]:
        """The case once its key is gone, and its event; a repeat changes nothing."""
        if self.state is CaseState.ERASED:
            return self, ()
        erased = self.model_copy(update={"state": CaseState.ERASED, "erased_at": at})
        return erased, (CaseErased(owner=self.institution),)


def erase_case(
    case_id: str, institution: str, *, agent: str, service: str, at: datetime
) -> tuple[Case, CaseErasing]:
    """Order an erasure."""
    case = Case(
        id=case_id,
        created_at=at,
        institution=institution,
        state=CaseState.ERASING,
        agent=agent,
        service=service,
    )
    return case, CaseErasing(owner=institution)
