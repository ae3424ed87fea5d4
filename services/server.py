"""Serving a platform on its port until a signal says stop."""

import asyncio
import errno
import gc
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from services.platform import Platform
from shared.errors import RelaisError
from shared.settings import PlatformSettings

GRACE_SECONDS = 10
GARBAGE_THRESHOLDS = (20_000, 50, 100)
"""Python looks for cycles every 700 new objects, a handful of requests' worth: 15 % of all CPU here. At 20,000 a look takes about 2 ms."""


class PortInUse(RelaisError):
    """Another program listens on the port."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"Port {port} of {host} is taken by another program. Stop it, or choose another with RELAIS_PORT (0: any)."
        )


class AddressUnusable(RelaisError):
    """The host's name or address is none of this machine, or the port needs more rights."""

    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(
            f"Port {port} of {host} can't be listened on: {why}. Check RELAIS_HOST and RELAIS_PORT."
        )


class _Server(uvicorn.Server):
    """A server that leaves signals to us: the platform is stopped after it, in order."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(settings: PlatformSettings) -> socket.socket:
    """Return a bound socket for the settings' host and port.

    Raises:
        PortInUse: somebody else has it.
        AddressUnusable: nobody could have it.
    """
    try:
        return socket.create_server((settings.host, settings.port), backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(settings.host, settings.port) from error
        raise AddressUnusable(settings.host, settings.port, error.strerror or "it is no address") from error


def calm_collector() -> None:
    """Let the garbage collector leave alone what start made, which lives as long as the process, and look less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


async def serve(platform: Platform, listener: socket.socket) -> None:
    """Answer requests until SIGINT or SIGTERM, then let those under way end, then stop the platform."""
    config = uvicorn.Config(
        platform.app,
        loop="none",
        http="httptools",
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config)

    def ask_to_stop() -> None:
        server.should_exit = True

    calm_collector()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask_to_stop)
    try:
        await server.serve(sockets=[listener])
    finally:
        await platform.stop()
