"""The pseudonym of a case: the same for all its facts, and not to be reversed or guessed without the master key."""

import hmac

_PURPOSE = b"relais statistics case pseudonym v1"


class Pseudonyms:
    """Makes pseudonyms with a key of their own, derived from the master key (32 bytes)."""

    def __init__(self, master_key: bytes) -> None:
        self._key = hmac.digest(master_key, _PURPOSE, "sha256")

    def of(self, case_id: str) -> str:
        """Return 32 hexadecimal digits: 128 bits of HMAC-SHA-256, enough that two cases never share one."""
        return hmac.digest(self._key, case_id.encode(), "sha256").hex()[:32]
