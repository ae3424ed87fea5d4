"""Nothing is ever sent to an address that is not public: literal, resolved, re-bound, or dressed as another."""

import ipaddress
import socket
from datetime import UTC, datetime

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.channels.addresses import (
    AddressForbidden,
    PublicResolver,
    is_public,
    public_socket,
)
from services.notifications.channels.endpoint_url import InvalidEndpointUrl, check_endpoint_url
from services.notifications.channels.webhook import HttpSender, Message
from services.notifications.model import AttemptOutcome
from tests.notifications.receiver import Receiver

FORBIDDEN = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:0a00:0001::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["9.9.9.9", "93.184.215.14", "172.32.0.1", "2606:4700::1111", "2a01:e0a::1"]
MESSAGE_AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class FakeResolver(AbstractResolver):
    """A name server that changes its mind: each answer is given once, the last for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            ResolveResult(hostname=host, host=address, port=port, family=_family(address), proto=0, flags=0)
            for address in answer
        ]

    async def close(self) -> None:
        """Nothing to close."""


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


async def send(
    url: str, resolver: AbstractResolver | None = None, *, allow_private: bool = False
) -> AttemptOutcome:
    sender = HttpSender(allow_private=allow_private, resolver=resolver)
    await sender.start()
    try:
        return (await sender.send(Message("ref-1:1", "{}", url, [SECRET]), MESSAGE_AT)).outcome
    finally:
        await sender.stop()


@pytest.mark.parametrize("address", FORBIDDEN)
def test_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_no_dress_makes_an_ipv4_address_reachable(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    for dressed in (
        ipaddress.IPv6Address(number),
        ipaddress.IPv6Address((0xFFFF << 32) + number),
        ipaddress.IPv6Address((0x0064_FF9B << 96) + number),
        ipaddress.IPv6Address((0x2002 << 112) + (number << 80)),
        ipaddress.IPv6Address((0x2001 << 112) + (number ^ 0xFFFF_FFFF)),
    ):
        assert not is_public(str(dressed))


@given(st.ip_addresses())
def test_whatever_python_calls_private_is_refused(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast:
        assert not is_public(str(address))


@pytest.mark.parametrize(
    "literal", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254"]
)
async def test_a_literal_address_is_refused_at_the_connection(literal: str) -> None:
    assert await send(f"http://{literal}:9/hook") is AttemptOutcome.ADDRESS_FORBIDDEN


async def test_a_receiver_on_loopback_gets_nothing(receiver: Receiver) -> None:
    assert await send(receiver.url()) is AttemptOutcome.ADDRESS_FORBIDDEN
    assert receiver.received == []
    assert await send(receiver.url(), allow_private=True) is AttemptOutcome.DELIVERED
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    "url", ["http://127.1:{port}/", "http://2130706433:{port}/", "http://0x7f.1:{port}/"]
)
async def test_a_loopback_address_written_otherwise_gets_nothing(receiver: Receiver, url: str) -> None:
    port = receiver.base.rsplit(":", 1)[1]
    assert await send(url.format(port=port)) is not AttemptOutcome.DELIVERED
    assert receiver.received == []


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "192.168.1.1", "64:ff9b::7f00:1"]
)
async def test_a_name_that_leads_inside_is_refused(receiver: Receiver, address: str) -> None:
    port = receiver.base.rsplit(":", 1)[1]
    resolver = FakeResolver([address])
    assert await send(f"http://partner.example:{port}/", resolver) is AttemptOutcome.ADDRESS_FORBIDDEN
    assert resolver.asked == ["partner.example"]
    assert receiver.received == []


async def test_of_several_addresses_only_public_ones_are_tried() -> None:
    resolver = PublicResolver(FakeResolver(["127.0.0.1", "9.9.9.9", "fe80::1"]))
    assert [result["host"] for result in await resolver.resolve("partner.example", 443)] == ["9.9.9.9"]


async def test_a_name_that_is_bound_again_is_judged_again() -> None:
    resolver = PublicResolver(FakeResolver(["9.9.9.9"], ["127.0.0.1"]))
    assert len(await resolver.resolve("partner.example", 443)) == 1
    with pytest.raises(AddressForbidden):
        await resolver.resolve("partner.example", 443)


async def test_the_sender_asks_again_for_each_connection(receiver: Receiver) -> None:
    port = receiver.base.rsplit(":", 1)[1]
    resolver = FakeResolver(["127.0.0.1"], ["127.0.0.2"])
    sender = HttpSender(allow_private=True, resolver=resolver)
    await sender.start()
    message = Message("ref-1:1", "{}", f"http://partner.example:{port}/hook", [SECRET])
    receiver.then("/hook", 200, connection="close").then("/hook", 200, connection="close")
    for _ in range(2):
        await sender.send(message, MESSAGE_AT)
    await sender.stop()
    assert resolver.asked == ["partner.example", "partner.example"]


@pytest.mark.parametrize("sockaddr", [("127.0.0.1", 80), ("::1", 80, 0, 0), ("fe80::1%lo", 80, 0, 1)])
def test_the_socket_itself_is_refused_whatever_was_resolved(sockaddr: tuple[object, ...]) -> None:
    with pytest.raises(AddressForbidden):
        public_socket((_family(str(sockaddr[0])), socket.SOCK_STREAM, 0, "", sockaddr))


async def test_a_name_without_an_address_is_said_so() -> None:
    assert await send("http://partner.example/", FakeResolver([])) is AttemptOutcome.NAME_NOT_FOUND


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://partner.example/hook", "https"),
        ("ftp://partner.example/hook", "https"),
        ("partner.example/hook", "https"),
        ("https://user:secret@partner.example/hook", "credentials"),
        ("https://@partner.example/hook", "credentials"),
        ("https://partner.example/hook#part", "fragment"),
        ("https://partner.example/hook#", "fragment"),
        ("https:///hook", "host"),
        ("https://partner.example:0/hook", "port"),
        ("https://partner.example:99999/hook", "port"),
        ("https://[::1/hook", "host"),
        ("https://partner.example/ hook", "visible"),
        ("https://partner.example/\nhook", "visible"),
        ("https://partenaire.exämple/hook", "visible"),
        ("https://partner.example/" + "a" * 2000, "2000"),
        ("https://127.0.0.1/hook", "public"),
        ("https://127.1/hook", "public"),
        ("https://2130706433/hook", "public"),
        ("https://0x7f000001/hook", "public"),
        ("https://[::ffff:10.0.0.1]/hook", "public"),
        ("https://169.254.169.254/latest/meta-data", "public"),
    ],
)
def test_a_url_that_cant_be_an_endpoint(url: str, word: str) -> None:
    with pytest.raises(InvalidEndpointUrl, match=word) as refused:
        check_endpoint_url(url, allow_private=False)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["https://partner.example/hook", "https://partner.example:8443/h?a=1", "https://9.9.9.9/hook"]
)
def test_a_url_that_can(url: str) -> None:
    check_endpoint_url(url, allow_private=False)


def test_private_addresses_and_http_where_an_operator_allowed_them() -> None:
    check_endpoint_url("http://127.0.0.1:8000/hook", allow_private=True)
