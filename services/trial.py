"""`make run`: the whole platform on one port, with real venues and clients to try it with.

For a first look on one's own machine. It keeps its data and a master key of its own in `var/trial/`, lets webhooks go to local addresses,
and prints addresses and secrets: an institution's platform is `python -m services`, with settings of its own.
"""

import base64
import os
import secrets
import sys
from pathlib import Path

import uvloop
from rich.console import Console
from rich.panel import Panel

from services.directory.bodies import VenueQuery
from services.directory.cli import import_file
from services.directory.importing import Importer
from services.directory.model import ImportState
from services.directory.repository import ImportRepository
from services.directory.venues import Venues
from services.identity.bootstrap import Bootstrap, Demonstration
from services.platform import Platform
from services.server import listen, serve
from shared.errors import RelaisError
from shared.observability.logging import configure_logging
from shared.security.caller import Owner
from shared.settings import PlatformSettings, load_settings

FOLDER = Path("var/trial")
SAMPLE = Path(__file__).parent.parent / "data" / "venues_real_sample.csv"
SAMPLE_SOURCE = "sample"
BOBIGNY = "93008"
PARTNER_RADIUS_KM, PARTNER_VENUES = 10.0, 100  # venues travel in its token


async def load_sample(platform: Platform, console: Console) -> None:
    """Import the sample of real venues; a repeat changes nothing.

    Raises:
        SampleRefused: the file could not be imported.
    """
    ended = await import_file(
        SAMPLE,
        SAMPLE_SOURCE,
        importer=platform.component("directory", Importer),
        imports=platform.component("directory", ImportRepository),
        owner=Owner.of("relais"),
        clock=platform.clock,
        ids=platform.ids,
        console=console,
        shown_entries=0,
    )
    if ended.state is not ImportState.COMPLETED:
        raise SampleRefused(ended.refusal or "")


class SampleRefused(RelaisError):
    """The sample of venues can't be imported: the checkout is damaged."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{SAMPLE} was refused: {why}")


async def demonstration(platform: Platform) -> Demonstration:
    """Make the demonstration's clients; the partner answers for the venues around Bobigny."""
    around = await platform.component("directory", Venues).page(
        VenueQuery(commune=BOBIGNY, radius_km=PARTNER_RADIUS_KM, limit=PARTNER_VENUES)
    )
    bootstrap = platform.component("identity", Bootstrap)
    return await bootstrap.demonstration([venue.id for venue in around.items])


def settings_for_a_look() -> PlatformSettings:
    """Return the settings: those of the environment, and for what is missing those of a local trial."""
    FOLDER.mkdir(parents=True, exist_ok=True, mode=0o700)
    port = os.environ.setdefault("RELAIS_PORT", "8080")
    defaults = {
        "RELAIS_DATA_DIR": str(FOLDER),
        "RELAIS_MASTER_KEY": _own_key(FOLDER / "master.key"),
        "RELAIS_PUBLIC_URL": f"http://localhost:{port}",
        "RELAIS_WEBHOOK_ALLOW_PRIVATE": "true",
        "RELAIS_LOG_LEVEL": "WARNING",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    return load_settings()


def _own_key(path: Path) -> str:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(base64.b64encode(secrets.token_bytes(32)).decode())
    return path.read_text().strip()


def _announce(console: Console, base: str, clients: Demonstration) -> None:
    institution, partner = clients.institution, clients.partner
    lines = [
        f"API, to try in the browser   {base}/docs",
        f"Events (AsyncAPI 3)          {base}/asyncapi.json",
        f"Health and metrics           {base}/healthz   {base}/metrics",
        "",
        f"Institution  client_id     {institution.client_id}",
        f"             client_secret {institution.client_secret}",
        f"Partner      client_id     {partner.client_id}",
        f"             client_secret {partner.client_secret}",
        "",
        "A token, then a list of venues around Bobigny:",
        f"  TOKEN=$(curl -s -u {institution.client_id}:{institution.client_secret} \\",
        f'    -d grant_type=client_credentials {base}/oauth/token | sed \'s/.*"access_token":"\\([^"]*\\)".*/\\1/\')',
        f"  curl -s -H \"Authorization: Bearer $TOKEN\" '{base}/v1/venues?commune={BOBIGNY}&limit=3'",
    ]
    console.print(Panel.fit("Relais is running. Ctrl-C stops it.", style="green"))
    for line in lines:
        # soft_wrap: what is to be copied must stay on its line
        console.print(line, highlight=False, markup=False, soft_wrap=True)


async def run() -> None:
    """Start, load, announce, serve until a signal."""
    console = Console()
    settings = settings_for_a_look()
    configure_logging(settings.log_level)
    listener = listen(settings)
    platform = await Platform.start(settings)
    try:
        await load_sample(platform, console)
        clients = await demonstration(platform)
    except BaseException:
        await platform.stop()
        raise
    _announce(console, settings.public_url, clients)
    await serve(platform, listener)
    console.print("Relais has stopped; everything acknowledged is kept.")


def main() -> None:
    """Run; what can't work ends with one clear message and exit code 2."""
    try:
        uvloop.run(run())
    except RelaisError as error:
        sys.stderr.write(f"relais: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
