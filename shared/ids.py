"""Identifiers: random ones, and those derived from a cause so that a repeat makes the same one."""

import uuid
from typing import Protocol

# Names the derived ids of this product; any fixed random value would do.
_DERIVED = uuid.UUID("6f1d2c9e-7a54-4d0b-9b0e-2f6f5d1c8a37")


class Ids(Protocol):
    """Makes ids; tests inject a seeded one."""

    def new(self) -> str:
        """Return a fresh id: 36 characters, a UUID."""


class RandomIds:
    """Version 4 UUIDs from the machine's randomness."""

    def new(self) -> str:
        """Return a fresh random UUID."""
        return str(uuid.uuid4())


def derived_id(*cause: str) -> str:
    """Return the UUIDv5 of a cause: the same words give the same id.

    Only for causes that are themselves unguessable (ids of events and aggregates); an id made from what a
    client chose goes through `shared.http.idempotency`, whose namespace is secret.
    """
    return str(uuid.uuid5(_DERIVED, "\x1f".join(cause)))
