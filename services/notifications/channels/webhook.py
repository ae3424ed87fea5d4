"""The webhook channel: one signed POST, and what came of it.

Redirects are not followed, cookies not kept, proxies of the environment not used; of the answer only the status code
and `Retry-After` matter, at most 1 KiB of its body is read and none of it is kept.
Source: Standard Webhooks 1.0.0, "Operational considerations".
"""

import contextlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import aiohttp
from aiohttp.abc import AbstractResolver

from services.notifications.channels.addresses import (
    AddressForbidden,
    PublicResolver,
    any_socket,
    public_socket,
)
from services.notifications.channels.signing import signed_headers
from services.notifications.lanes import ATTEMPT_TIMEOUT
from services.notifications.model import AttemptOutcome

CONNECT_TIMEOUT_SECONDS = 5.0
MAX_ANSWER_BYTES = 1024
_HEADERS = {
    "content-type": "application/json",
    "user-agent": "Relais-Webhooks/1.0",
    "accept": "*/*",
    "accept-encoding": "identity",
}


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: the event's id, the body as stored, where to, and the secrets that sign it."""

    event_id: str
    body: str
    url: str
    secrets: Sequence[str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt. `status` and `retry_after` (the header as received) when there was an answer."""

    outcome: AttemptOutcome
    status: int | None = None
    retry_after: str | None = None


class WebhookSender(Protocol):
    """Sends one message once; failures are answers, not exceptions."""

    async def send(self, message: Message, at: datetime) -> Answer:
        """POST the message, signed for an attempt made at `at`; return within `ATTEMPT_TIMEOUT`."""


class HttpSender:
    """The sender over HTTP. `resolver` is replaceable; the address rule stands around it either way."""

    def __init__(self, *, allow_private: bool, resolver: AbstractResolver | None = None) -> None:
        self._allow_private = allow_private
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the connection pool."""
        resolver = self._resolver or aiohttp.ThreadedResolver()
        connector = aiohttp.TCPConnector(
            limit=0,  # the dispatcher bounds what runs at once
            use_dns_cache=False,
            resolver=resolver if self._allow_private else PublicResolver(resolver),
            socket_factory=any_socket if self._allow_private else public_socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=ATTEMPT_TIMEOUT.total_seconds(),
                connect=CONNECT_TIMEOUT_SECONDS,
                sock_connect=CONNECT_TIMEOUT_SECONDS,
            ),
            auto_decompress=False,
            trust_env=False,
            headers=_HEADERS,
        )

    async def stop(self) -> None:
        """Close the connection pool."""
        if self._session is not None:
            await self._session.close()

    async def send(self, message: Message, at: datetime) -> Answer:
        """POST the message once."""
        if self._session is None:
            raise RuntimeError("the sender is used before it was started")
        headers = signed_headers(message.secrets, message.event_id, at, message.body)
        try:
            async with self._session.post(
                message.url, data=message.body.encode(), headers=headers, allow_redirects=False
            ) as response:
                await _discard_body(response)
                return _answer(response)
        except TimeoutError:
            return Answer(AttemptOutcome.TIMED_OUT)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(_failure(error))


async def _discard_body(response: aiohttp.ClientResponse) -> None:
    """Read a little, so that a short answer leaves the connection reusable; cut a longer or slower one off.

    The status has arrived: whatever happens to the body does not change what the attempt came to.
    """
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        await response.content.read(MAX_ANSWER_BYTES)
    if not response.content.at_eof():
        response.close()


def _answer(response: aiohttp.ClientResponse) -> Answer:
    status = response.status
    if 200 <= status < 300:
        return Answer(AttemptOutcome.DELIVERED, status)
    if status == 410:
        return Answer(AttemptOutcome.GONE, status)
    outcome = AttemptOutcome.REDIRECTED if 300 <= status < 400 else AttemptOutcome.REFUSED
    return Answer(outcome, status, response.headers.get("retry-after"))


def _failure(error: Exception) -> AttemptOutcome:
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, AddressForbidden):
        return AttemptOutcome.ADDRESS_FORBIDDEN
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return AttemptOutcome.NAME_NOT_FOUND
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError | ssl.SSLError):
        return AttemptOutcome.CERTIFICATE_INVALID
    return AttemptOutcome.CONNECTION_FAILED
