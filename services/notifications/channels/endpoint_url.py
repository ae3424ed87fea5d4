"""What an endpoint's URL must look like before it is ever called."""

from urllib.parse import urlsplit

from services.notifications.channels.addresses import is_public
from shared.errors import RelaisError

MAX_URL_LENGTH = 2000


class InvalidEndpointUrl(RelaisError):
    """The URL can't be an endpoint; the message says why and never echoes it."""

    status = 422

    def __init__(self, problem: str) -> None:
        super().__init__(f"The field url {problem}.", field="url")


def check_endpoint_url(url: str, *, allow_private: bool) -> None:
    """Let a URL pass that a webhook may be sent to. Names are judged again at each connection.

    Raises:
        InvalidEndpointUrl: not https (http only where private addresses are allowed), credentials or a fragment in
            it, no host, a strange port or character, or a literal address that is not public.
    """
    if (
        len(url) > MAX_URL_LENGTH
        or not url.isascii()
        or not url.isprintable()
        or set(url) & set(' "<>\\^`{|}')
    ):
        raise InvalidEndpointUrl(f"must be at most {MAX_URL_LENGTH} visible ASCII characters of a plain URL")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidEndpointUrl("is not a URL: its host or port can't be read") from error
    if parts.scheme != "https" and not (allow_private and parts.scheme == "http"):
        raise InvalidEndpointUrl("must start with https://")
    if parts.username is not None or parts.password is not None:
        raise InvalidEndpointUrl("must not hold credentials: the signature says who sends")
    if "#" in url:
        raise InvalidEndpointUrl("must not hold a fragment (#): it would never be sent")
    if not host or port == 0:
        raise InvalidEndpointUrl("must name a host, and a port from 1 to 65535 when it names one")
    if not allow_private and _looks_like_an_address(host) and not is_public(host):
        raise InvalidEndpointUrl("must lead to a public address")


def _looks_like_an_address(host: str) -> bool:
    # A last label of digits only is never a name (RFC 1123 2.1; WHATWG URL "ends in a number"): 127.1, 0x7f.1.
    last = host.rstrip(".").rsplit(".", 1)[-1]
    return ":" in host or last.isdigit() or last.startswith("0x")
