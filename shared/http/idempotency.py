"""The header `Idempotency-Key`, read and checked; `shared.idempotency` says what it does."""

import re
from typing import Annotated, ClassVar

from fastapi import Depends, Request

from shared.errors import RelaisError
from shared.idempotency import HEADER, RequestKey, keyed_hash
from shared.security.nir import contains_nir

_KEY = re.compile(r"^[\x21-\x7e]{1,200}$")


class InvalidIdempotencyKey(RelaisError):
    """The header is missing or malformed."""

    status: ClassVar[int] = 400

    def __init__(self) -> None:
        super().__init__(
            f"This route needs the header {HEADER}: 1 to 200 visible ASCII characters, new for each new request "
            "(a random UUID is best) and the same when you repeat one."
        )


async def _read_key(request: Request) -> RequestKey:
    key = request.headers.get(HEADER)
    if key is None or not _KEY.fullmatch(key) or contains_nir(key):
        raise InvalidIdempotencyKey
    secret: bytes = request.app.state.request_secret
    path = request.url.path
    body = await request.body()
    return RequestKey(key, _template(request), keyed_hash(secret, path.encode() + b"\n" + body).hex(), secret)


def _template(request: Request) -> str:
    return f"{request.method} {getattr(request.scope.get('route'), 'path', request.url.path)}"


Idempotent = Annotated[RequestKey, Depends(_read_key)]
"""The dependency of every route that creates or moves something."""
