"""`./relais`: the operator's command line.

Commands that change data hold the embedded store themselves: run them while the platform is stopped (a running one is fed through its API). They
read the same `RELAIS_*` settings.
"""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
import uvloop
from pydantic import BaseModel, ValidationError
from rich.console import Console

from services.assessment.catalogue import load_catalogue
from services.directory.bodies import ImportQuery
from services.directory.cli import import_file
from services.directory.importing import Importer
from services.directory.model import ImportState
from services.directory.repository import ImportRepository, VenueRepository
from services.directory.venues import check_source
from services.identity.bodies import NewClient
from services.identity.bootstrap import Bootstrap
from services.identity.model import ClientKind
from services.platform import Platform
from shared.clock import SystemClock
from shared.errors import RelaisError
from shared.events.payload import NodePath
from shared.observability.logging import configure_logging
from shared.security.caller import Caller, Owner, Scope
from shared.settings import load_settings

Wanted = TypeVar("Wanted", bound=BaseModel)

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
    wanted = _checked(_Import, source=source, owner=owner)

    async def work(platform: Platform) -> None:
        standing = await platform.component("directory", VenueRepository).source(source)
        check_source(source, standing, Caller("operator", wanted.owner, frozenset()))
        ended = await import_file(
            file,
            source,
            importer=platform.component("directory", Importer),
            imports=platform.component("directory", ImportRepository),
            owner=Owner.of(wanted.owner),
            clock=platform.clock,
            ids=platform.ids,
            console=console,
        )
        if ended.state is not ImportState.COMPLETED:
            raise typer.Exit(1)

    _with_platform(work)


@clients.command("create")
def create_client(
    node: Annotated[
        str,
        typer.Option(
            help="Where it stands in the tree: institution, institution/body or institution/body/service."
        ),
    ],
    name: Annotated[str, typer.Option(help="Name of the software.")],
    scope: Annotated[list[Scope], typer.Option(help="What it may do; repeat for several.")],
    kind: Annotated[ClientKind, typer.Option(help="Whose software it is.")] = ClientKind.INSTITUTION,
    venue: Annotated[
        list[str] | None, typer.Option(help="For a partner: a venue it answers for; repeat.")
    ] = None,
) -> None:
    """Create a client, and the nodes above it; its secret is printed once."""
    new = _checked(
        NewClient, node=node, kind=kind, name=name, scopes=frozenset(scope), venues=frozenset(venue or ())
    )

    async def work(platform: Platform) -> None:
        made = await platform.component("identity", Bootstrap).make_first_client(new)
        console.print(f"client_id     {made.client.id}\nclient_secret {made.secret}", highlight=False)

    _with_platform(work)


@guidance.command("stale")
def stale_guidance() -> None:
    """List the facts that are too old to be printed; exit 1 when there are any."""
    stale = load_catalogue().guidance.stale(SystemClock().now().date())
    for fact in stale:
        console.print(str(fact), highlight=False, markup=False)
    console.print(f"{len(stale)} facts are older than twelve months.")
    raise typer.Exit(1 if stale else 0)


class _Import(ImportQuery):
    """What an import from the command line names."""

    owner: NodePath


def _checked(model: type[Wanted], **values: object) -> Wanted:
    """Return what was asked for, or say what does not fit and end with 2."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        for item in error.errors():
            place = ".".join(map(str, item["loc"])) or "options"
            console.print(f"{place}: {item['msg']}", markup=False)
        raise typer.Exit(2) from None


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
