"""Signatures and headers of Standard Webhooks 1.0.0, symmetric (`v1`), by its own reference library."""

from collections.abc import Sequence
from datetime import datetime

from standardwebhooks import Webhook

SECRET_PREFIX = "whsec_"  # noqa: S105 - a public prefix of the specification


def signed_headers(secrets: Sequence[str], message_id: str, at: datetime, body: str) -> dict[str, str]:
    """Return the three headers of one attempt, made at `at` (aware, UTC): one signature for each secret.

    `secrets` are `whsec_` and base64; the body must be sent exactly as it is given here.
    """
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, at, body) for secret in secrets),
    }
