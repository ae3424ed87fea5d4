"""`python -m deploy.demo`: play the whole chain against a fresh platform; exit 1 when a step misses."""

import asyncio
import sys
import tempfile
from pathlib import Path

import aiohttp
from rich.console import Console

from deploy.demo.api import TIMEOUT, Api, Credentials, UnexpectedAnswer, get_token
from deploy.demo.host import Host
from deploy.demo.receiver import Receiver
from deploy.demo.story import Miss, Story
from services.identity.bootstrap import Demonstration
from shared.observability.logging import configure_logging

SERVICE = "cpam-demo/bobigny/accueil"


async def tell(console: Console, base: str, clients: Demonstration) -> None:
    """Play the story against a platform that only we use."""
    receiver = Receiver()
    hook = await receiver.start()
    try:
        async with aiohttp.ClientSession(timeout=TIMEOUT) as http:
            institution, partner = (
                Credentials(one.client_id, one.client_secret)
                for one in (clients.institution, clients.partner)
            )
            prescriber = Api(http, base, await get_token(http, base, institution), "agent-demo", SERVICE)
            venue = Api(http, base, await get_token(http, base, partner), "partner-demo")
            await Story(console, prescriber, venue, receiver, hook, alone=True).play()
    finally:
        await receiver.stop()


def main() -> int:
    """Run the demonstration; return the exit code."""
    configure_logging("WARNING")
    console = Console(width=110)
    with tempfile.TemporaryDirectory(prefix="relais-demo-") as folder:
        host = Host(Path(folder))
        clients = asyncio.run(host.prepare(console))
        host.start()
        console.print(
            f"A fresh platform listens on {host.base}, with the sample of real venues.", highlight=False
        )
        try:
            asyncio.run(tell(console, host.base, clients))
        except (Miss, UnexpectedAnswer) as error:
            console.print(f"[red]✗ {error}[/red]", highlight=False)
            return 1
        finally:
            code = host.stop()
    if code != 0:
        console.print(f"[red]✗ the platform stopped with code {code}[/red]")
        return 1
    console.print("\n[green bold]The whole chain holds.[/green bold]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
