"""The keys that sign tokens: one signs, those it replaced verify until the last token they signed is over.

Private keys are stored encrypted (AES-256-GCM, bound to their `kid`) under a key derived from the master key.
"""

import asyncio
import base64
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc.jwk import ECKey, KeySet

from services.identity.model import IdentityError, SigningKey
from services.identity.repository import IdentityRepository
from services.identity.secrets import RandomBytes, derived_key
from shared.clock import Clock
from shared.ids import Ids
from shared.security.tokens import ALGORITHM

log = structlog.get_logger()

KEY_AGE = timedelta(days=90)
"""After this a new key signs."""
CHECK_EVERY = timedelta(hours=1)
_NONCE_BYTES = 12  # the size AES-GCM is specified for (NIST SP 800-38D)


class SigningKeyUnreadable(IdentityError):
    """A stored key does not decrypt."""

    def __init__(self, kid: str) -> None:
        super().__init__(
            f"The signing key {kid} does not decrypt: RELAIS_MASTER_KEY is not the one it was stored with."
        )


class NoSigningKey(IdentityError):
    """The keyring was used before it was loaded: a mistake in the order of starting."""

    def __init__(self) -> None:
        super().__init__("There is no signing key: the keyring was not loaded.")


@dataclass(frozen=True, slots=True)
class _Held:
    key: ECKey
    created_at: datetime
    verifies_until: datetime | None


class Keyring:
    """Holds the keys in memory. `load` it before use; `rotate` any time."""

    def __init__(
        self,
        repository: IdentityRepository,
        *,
        master_key: bytes,
        clock: Clock,
        ids: Ids,
        token_lifetime: timedelta,
        random_bytes: RandomBytes = os.urandom,
    ) -> None:
        self._repository = repository
        self._box = AESGCM(derived_key(master_key, b"relais identity: signing keys"))
        self._clock, self._ids = clock, ids
        self._token_lifetime = token_lifetime
        self._random_bytes = random_bytes
        self._held: list[_Held] = []
        self._rotating = asyncio.Lock()

    async def load(self) -> None:
        """Read the stored keys; make the first one when there is none that signs.

        Raises:
            SigningKeyUnreadable: the master key is another one.
        """
        stored = await self._repository.signing_keys()
        self._held = [self._opened(key) for key in stored]
        if not any(held.verifies_until is None for held in self._held):
            await self.rotate()

    @property
    def signing(self) -> ECKey:
        """Return the key that signs: the newest.

        Raises:
            NoSigningKey: not loaded.
        """
        for held in reversed(self._held):
            if held.verifies_until is None:
                return held.key
        raise NoSigningKey

    def verifying(self) -> KeySet:
        """Return the keys whose tokens may still be alive, the one that signs included."""
        now = self._clock.now()
        return KeySet(
            [held.key for held in self._held if held.verifies_until is None or now < held.verifies_until]
        )

    def published(self) -> dict[str, Any]:
        """Return the JWK set (RFC 7517) that others verify with: public parts only."""
        return dict(self.verifying().as_dict(private=False))

    async def rotate(self) -> str:
        """Make a new key that signs from now on; return its `kid`.

        The new key is stored before the old ones are retired: stopped in between, two keys verify and the newer signs.
        """
        async with self._rotating:
            now = self._clock.now()
            before = [key for key in await self._repository.signing_keys() if key.retired_at is None]
            made = await self._repository.add(self._made(now))
            for key in before:
                await self._repository.save(key.model_copy(update={"retired_at": now}))
            self._held = [self._opened(key) for key in await self._repository.signing_keys()]
        log.info("identity.signing_key.rotated", kid=made.id, retired=len(before))
        return made.id

    async def keep_young(self) -> None:
        """Rotate whenever the key that signs is older than `KEY_AGE`; runs until it is cancelled."""
        while True:
            await self._clock.sleep(CHECK_EVERY)
            if self._clock.now() - self._held[-1].created_at >= KEY_AGE:
                await self.rotate()

    def _made(self, now: datetime) -> SigningKey:
        kid = self._ids.new()
        pem = ECKey.generate_key("P-256", auto_kid=False).as_pem(private=True)
        nonce = self._random_bytes(_NONCE_BYTES)
        sealed = nonce + self._box.encrypt(nonce, pem, kid.encode())
        return SigningKey(id=kid, created_at=now, sealed=base64.b64encode(sealed).decode())

    def _opened(self, stored: SigningKey) -> _Held:
        raw = base64.b64decode(stored.sealed)
        try:
            pem = self._box.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], stored.id.encode())
        except InvalidTag as error:
            raise SigningKeyUnreadable(stored.id) from error
        key = ECKey.import_key(pem, {"kid": stored.id, "use": "sig", "alg": ALGORITHM})
        until = None if stored.retired_at is None else stored.retired_at + self._token_lifetime
        return _Held(key, stored.created_at, until)
