"""The pseudonym of a case: the same for all its facts, and not to be reversed or guessed without the master key."""

import hashlib
import hmac

_PURPOSE = b"relais statistics case pseudonym v1"


class Pseudonyms:
    """Makes pseudonyms with a key of their own, derived from the master key (32 bytes)."""

    def __init__(self, master_key: bytes) -> None:
        self._key = hmac.new(master_key, _PURPOSE, hashlib.sha256).digest()

    def of(self, case_id: str) -> str:
        """Return 32 hexadecimal digits: 128 bits of HMAC-SHA-256, enough that two cases never share one."""
        return hmac.new(self._key, case_id.encode(), hashlib.sha256).hexdigest()[:32]
