"""The vault port: a key for each case, made, used and destroyed here and nowhere else.

Destroying the key is how a person's data is erased everywhere at once: in stores, in the log, in dead letters and
in backups. The vault's own file is never in the data backup.

Promises of every engine (`tests/contract/vault.py`):
- A case belongs to one institution from its creation; another institution's use is refused as unknown.
- `seal` binds the text to its case and to `purpose`: moved elsewhere, it does not open.
- A destroyed case can never be created, sealed or opened again, also after a restart; cached keys live at most
  60 seconds in a process that did not do the destroying.
"""

from typing import Protocol

from shared.errors import RelaisError, Unavailable, own_id_or_nothing


class VaultError(RelaisError):
    """The base of what the vault may say."""


class UnknownCase(VaultError):
    """No key: never created here, or created by another institution."""

    status = 404

    def __init__(self, case_id: str) -> None:
        super().__init__(f"There is no case {own_id_or_nothing(case_id)}that this client may see.")


class CaseErased(VaultError):
    """The case's key was destroyed: what it sealed is gone, and nothing can be added."""

    status = 410

    def __init__(self, case_id: str) -> None:
        super().__init__(f"Case {case_id} was erased; nothing about it can be read or added.")


class SealBroken(VaultError):
    """The sealed text was altered, or belongs to another case or purpose."""

    def __init__(self, case_id: str) -> None:
        super().__init__(
            f"A sealed part of case {case_id} does not open: altered, or not of this case and purpose."
        )


class VaultUnavailable(Unavailable):
    """The vault's engine is away."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The vault can't answer now: {why}.")


class Vault(Protocol):
    """Case keys. Held by assessment, directory and referral; nobody else may open."""

    async def create(self, case_id: str, institution: str) -> None:
        """Make the case's key, durable on return; a repeat by the same institution changes nothing.

        Raises:
            UnknownCase: the case is another institution's.
            CaseErased: its key was destroyed.
        """

    async def owner(self, case_id: str) -> str:
        """Return the institution (first part of its path) that the case belongs to.

        Raises:
            UnknownCase: never created.
            CaseErased: its key was destroyed.
        """

    async def seal(self, case_id: str, purpose: str, plain: bytes) -> str:
        """Encrypt under the case key (AES-256-GCM); return URL-safe text. `purpose` says where it will live.

        Raises:
            UnknownCase, CaseErased.
        """

    async def open(self, case_id: str, purpose: str, sealed: str) -> bytes:
        """Decrypt what `seal` made for this case and purpose.

        Raises:
            UnknownCase, CaseErased, SealBroken.
        """

    async def destroy(self, case_id: str) -> None:
        """Replace the key by a destroyed marker, durable on return; a repeat changes nothing."""
