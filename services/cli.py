"""`./relais`: the operator's command line.

Commands that change data hold the embedded store themselves: run them while the platform is stopped (a running one is fed through its API). They
read the same `RELAIS_*` settings.
"""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from pydantic import ValidationError
from rich.console import Console

from services.assessment.catalogue import load_catalogue
from services.directory.cli import import_file
from services.directory.importing import Importer
from services.directory.model import ImportState
from services.directory.repository import ImportRepository
from services.identity.bodies import NewClient
from services.identity.bootstrap import Bootstrap
from services.identity.model import ClientKind
from services.platform import Platform
from shared.clock import SystemClock
from shared.errors import RelaisError
from shared.observability.logging import configure_logging
from shared.security.caller import Owner, Scope
from shared.settings import load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
clients = typer.Typer(no_args_is_help=True, help="Clients that may call the API.")
guidance = typer.Typer(no_args_is_help=True, help="Guidance for procedures.")
app.add_typer(clients, name="clients")
app.add_typer(guidance, name="guidance")
console = Console()


@app.command("import")
def import_venues(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="CSV of the national standard v1.")
    ],
    source: Annotated[
        str, typer.Option(help="Name of the source: venues that vanished from it are retired.")
    ],
    owner: Annotated[str, typer.Option(help="Node that may change these venues, such as cpam93.")],
) -> None:
    """Import a file of venues, and print the report."""

    async def work(platform: Platform) -> None:
        ended = await import_file(
            file,
            source,
            importer=platform.component("directory", Importer),
            imports=platform.component("directory", ImportRepository),
            owner=Owner.of(owner),
            clock=platform.clock,
            ids=platform.ids,
            console=console,
        )
        if ended.state is not ImportState.COMPLETED:
            raise typer.Exit(1)

    _with_platform(work)


@clients.command("create")
def create_client(
    node: Annotated[str, typer.Option(help="Where it stands in the tree: institution[/body[/service]].")],
    name: Annotated[str, typer.Option(help="Name of the software.")],
    scope: Annotated[list[Scope], typer.Option(help="What it may do; repeat for several.")],
    kind: Annotated[ClientKind, typer.Option(help="Whose software it is.")] = ClientKind.INSTITUTION,
    venue: Annotated[
        list[str] | None, typer.Option(help="For a partner: a venue it answers for; repeat.")
    ] = None,
) -> None:
    """Create a client, and the nodes above it; its secret is printed once."""
    try:
        new = NewClient(
            node=node, kind=kind, name=name, scopes=frozenset(scope), venues=frozenset(venue or ())
        )
    except ValidationError as error:
        for item in error.errors():
            console.print(f"{'.'.join(map(str, item['loc'])) or 'client'}: {item['msg']}", markup=False)
        raise typer.Exit(2) from None

    async def work(platform: Platform) -> None:
        made = await platform.component("identity", Bootstrap).make_first_client(new)
        console.print(f"client_id     {made.client.id}\nclient_secret {made.secret}", highlight=False)

    _with_platform(work)


@guidance.command("stale")
def stale_guidance() -> None:
    """List the facts that are too old to be printed; exit 1 when there are any."""
    stale = load_catalogue().guidance.stale(SystemClock().now().date())
    for fact in stale:
        console.print(str(fact), highlight=False)
    console.print(f"{len(stale)} facts are older than twelve months.")
    raise typer.Exit(1 if stale else 0)


def _with_platform(work: Callable[[Platform], Awaitable[None]]) -> None:
    async def run() -> None:
        settings = load_settings()
        configure_logging("WARNING")
        platform = await Platform.start(settings)
        try:
            await work(platform)
        finally:
            await platform.stop()

    uvloop.run(run())


def main() -> None:
    """Run; what can't work ends with one clear message and exit code 2."""
    try:
        app()
    except RelaisError as error:
        sys.stderr.write(f"relais: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
