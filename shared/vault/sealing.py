"""The cryptography of every vault engine: wrapping case keys, sealing text under them, and holding them briefly.

A case key is 32 random bytes. It is stored only *wrapped*: AES-256-GCM under a key derived from the master key, bound
to its case and institution, so that a row moved to another case does not unwrap. Sealed text is `v1.` followed by
base64url(nonce || ciphertext), bound to its case and purpose.
"""

import base64
import binascii
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.clock import Clock
from shared.vault.port import SealBroken, VaultError

KEY_BYTES = 32
NONCE_BYTES = (
    12  # the size AES-GCM is specified for; random ones are safe for 2^32 messages a key (NIST SP 800-38D)
)
FORMAT = "v1."
KEY_LIFETIME = timedelta(seconds=60)  # the promise of the port
CACHED_KEYS = 10_000  # about 10 MB; a peak hour touches fewer cases a minute

RandomBytes = Callable[[int], bytes]


class KeyDamaged(VaultError):
    """A stored case key does not unwrap: the vault's file was altered."""

    def __init__(self, case_id: str) -> None:
        super().__init__(f"The key of case {case_id} does not unwrap: the vault's file was altered.")


class MasterKey:
    """Wraps and unwraps case keys. `id` names it in the file, so that a rotation can tell which rows are done."""

    def __init__(self, secret: bytes, random_bytes: RandomBytes) -> None:
        self.id = _derive(secret, b"relais vault: master key id", 8).hex()
        self._box = AESGCM(_derive(secret, b"relais vault: wrapping case keys", KEY_BYTES))
        self._random_bytes = random_bytes

    def wrap(self, case_id: str, institution: str, key: bytes) -> bytes:
        """Return the key as it may be stored."""
        nonce = self._random_bytes(NONCE_BYTES)
        return nonce + self._box.encrypt(nonce, key, _bound(case_id, institution))

    def unwrap(self, case_id: str, institution: str, wrapped: bytes) -> bytes:
        """Return the case key.

        Raises:
            KeyDamaged: altered, or of another case or institution.
        """
        try:
            return self._box.decrypt(
                wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _bound(case_id, institution)
            )
        except (InvalidTag, ValueError) as error:
            raise KeyDamaged(case_id) from error


class CaseKey:
    """Seals and opens what belongs to one case."""

    def __init__(self, case_id: str, key: bytes, random_bytes: RandomBytes) -> None:
        self._case_id = case_id
        self._box = AESGCM(key)
        self._random_bytes = random_bytes

    def seal(self, purpose: str, plain: bytes) -> str:
        """Return URL-safe text that only `open` with the same purpose reads."""
        nonce = self._random_bytes(NONCE_BYTES)
        sealed = nonce + self._box.encrypt(nonce, plain, _bound(self._case_id, purpose))
        return _encoded(sealed)

    def open(self, purpose: str, sealed: str) -> bytes:
        """Return what was sealed.

        Raises:
            SealBroken: altered, or of another case or purpose.
        """
        if not sealed.startswith(FORMAT):
            raise SealBroken(self._case_id)
        text = sealed[len(FORMAT) :]
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            if _encoded(raw) != sealed:  # the last character has bits that decoding ignores
                raise SealBroken(self._case_id)
            return self._box.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _bound(self._case_id, purpose))
        except (InvalidTag, ValueError, binascii.Error) as error:
            raise SealBroken(self._case_id) from error


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key in memory, with the institution of its case."""

    institution: str
    key: CaseKey


class KeyCache:
    """The last keys used, each for at most `KEY_LIFETIME` after it was read from the engine."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: OrderedDict[str, tuple[datetime, HeldKey]] = OrderedDict()

    def get(self, case_id: str) -> HeldKey | None:
        """Return the key while it is fresh."""
        found = self._held.get(case_id)
        if found is None:
            return None
        read_at, held = found
        # A clock set back must not lengthen a key's life: a negative age is over too.
        if not timedelta(0) <= self._clock.now() - read_at < KEY_LIFETIME:
            del self._held[case_id]
            return None
        self._held.move_to_end(case_id)
        return held

    def put(self, case_id: str, held: HeldKey) -> None:
        """Hold a key just read; the one unused for longest leaves when there are too many."""
        self._held[case_id] = (self._clock.now(), held)
        self._held.move_to_end(case_id)
        if len(self._held) > CACHED_KEYS:
            self._held.popitem(last=False)

    def drop(self, case_id: str) -> None:
        """Forget a key; no error when it is not held."""
        self._held.pop(case_id, None)


def _encoded(raw: bytes) -> str:
    return FORMAT + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _derive(secret: bytes, use: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=use).derive(secret)


def _bound(*parts: str) -> bytes:
    return "\x1f".join(parts).encode()
