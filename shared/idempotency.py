"""`Idempotency-Key`: a repeat of the same request has the effect of one.

A *creation* takes its id from the key: UUIDv5 of (client, route, key) in a namespace derived from the master key,
so that nobody can guess an id from a client's key. `add` of an existing id compares the stored fingerprint
(HMAC of the body): the same → the current representation; another → 422. A *command* leaves its key on the
aggregate (the last 32), with the fingerprint and the version it made. No answer's body is stored.
"""

import hmac
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from shared.errors import RelaisError
from shared.security.caller import Caller

HEADER = "Idempotency-Key"
KEPT_COMMANDS = 32


class IdempotencyKeyReused(RelaisError):
    """The key was used by another request."""

    status: ClassVar[int] = 422

    def __init__(self) -> None:
        super().__init__(f"This {HEADER} was used with another body; take a new one for a new request.")


class CommandRecord(BaseModel):
    """A command that an aggregate has carried out."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    key: str
    fingerprint: str
    version: int


@dataclass(frozen=True, slots=True)
class RequestKey:
    """The key of one request. `creation_id(client)` names what it creates; `fingerprint` identifies its body."""

    key: str
    route: str
    fingerprint: str
    secret: bytes

    def creation_id(self, caller: Caller) -> str:
        """Return the id of what this request creates: the same for each repeat by the same client."""
        namespace = uuid.UUID(bytes=keyed_hash(self.secret, b"creation-id")[:16])
        return str(uuid.uuid5(namespace, "\x1f".join((caller.client_id, self.route, self.key))))

    def command_key(self, caller: Caller) -> str:
        """Return the name under which an aggregate remembers this command (an HMAC: the key itself is not kept)."""
        return keyed_hash(self.secret, f"{caller.client_id}\x1f{self.route}\x1f{self.key}".encode()).hex()[
            :32
        ]


def check_same_request(stored_fingerprint: str, key: RequestKey) -> None:
    """Let a repeat pass.

    Raises:
        IdempotencyKeyReused: the stored creation came from another body.
    """
    if not hmac.compare_digest(stored_fingerprint, key.fingerprint):
        raise IdempotencyKeyReused


def already_done(commands: Sequence[CommandRecord], key: RequestKey, caller: Caller) -> bool:
    """Tell whether the aggregate has carried out this very command.

    Raises:
        IdempotencyKeyReused: the key was used for another body.
    """
    name = key.command_key(caller)
    for record in commands:
        if record.key == name:
            check_same_request(record.fingerprint, key)
            return True
    return False


def remember(
    commands: Sequence[CommandRecord], key: RequestKey, caller: Caller, version: int
) -> tuple[CommandRecord, ...]:
    """Return the commands with this one added, the oldest beyond `KEPT_COMMANDS` dropped."""
    record = CommandRecord(key=key.command_key(caller), fingerprint=key.fingerprint, version=version)
    return (*commands, record)[-KEPT_COMMANDS:]


def keyed_hash(secret: bytes, message: bytes) -> bytes:
    """Return the HMAC-SHA256 of a message."""
    return hmac.digest(secret, message, "sha256")
