"""Signing secrets: made from 32 random bytes, shown once, kept encrypted.

They are sealed by AES-256-GCM under a key derived from the master key (HKDF-SHA256), each bound to its subscription:
moved to another one, it does not open. Unlike case keys they protect no person, so they need no vault.
"""

import base64
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.notifications.channels.signing import SECRET_PREFIX
from shared.errors import RelaisError

SECRET_BYTES = 32
_NONCE_BYTES = 12  # AES-GCM's own, NIST SP 800-38D
_PURPOSE = b"relais notifications signing secrets v1"


class SecretBroken(RelaisError):
    """A stored secret does not open: another master key, or an altered document."""

    def __init__(self, subscription_id: str) -> None:
        super().__init__(f"A signing secret of subscription {subscription_id} does not open.")


class SecretBox:
    """Makes, seals and opens signing secrets."""

    def __init__(self, master_key: bytes) -> None:
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(master_key)
        self._cipher = AESGCM(key)

    def make(self) -> str:
        """Return a fresh secret as Standard Webhooks writes it: `whsec_` and base64 of 32 random bytes."""
        return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()

    def seal(self, subscription_id: str, secret: str) -> str:
        """Return the secret encrypted for its subscription, as text."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, secret.encode(), subscription_id.encode())
        return base64.b64encode(nonce + sealed).decode()

    def open(self, subscription_id: str, sealed: str) -> str:
        """Return the secret.

        Raises:
            SecretBroken: it was not sealed by this key for this subscription.
        """
        try:
            raw = base64.b64decode(sealed, validate=True)
            plain = self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], subscription_id.encode())
        except (InvalidTag, ValueError) as error:
            raise SecretBroken(subscription_id) from error
        return plain.decode()
