"""Client secrets: 256 random bits shown once, stored as an HMAC under a key derived from the master key."""

import base64
import hmac
import os
from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PREFIX = "rls_"  # lets scanners of leaked secrets recognise one
SECRET_BYTES = 32

RandomBytes = Callable[[int], bytes]


class ClientSecrets:
    """Makes secrets and recognises them."""

    def __init__(self, master_key: bytes, random_bytes: RandomBytes = os.urandom) -> None:
        self._key = derived_key(master_key, b"relais identity: digests of client secrets")
        self._random_bytes = random_bytes

    def new(self) -> str:
        """Return a fresh secret."""
        return spelled(self._random_bytes(SECRET_BYTES))

    def digest(self, secret: str) -> str:
        """Return what may be stored of a secret."""
        return hmac.digest(self._key, secret.encode(), "sha256").hex()

    def is_one_of(self, secret: str, digests: Sequence[str]) -> bool:
        """Tell whether a secret has one of these digests, in a time that says nothing of how close it came."""
        presented = self.digest(secret)
        return sum(hmac.compare_digest(presented, digest) for digest in digests) > 0


def derived_key(master_key: bytes, use: bytes) -> bytes:
    """Return 32 bytes for one use of the master key; two uses share nothing."""
    return HKDF(algorithm=SHA256(), length=SECRET_BYTES, salt=None, info=use).derive(master_key)


def spelled(raw: bytes) -> str:
    """Return 32 bytes as a secret is written: URL-safe, so that it needs no escaping in a header or a form."""
    return PREFIX + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
