"""Imports a file from the command line, with a progress bar and the report in a few lines.

For a process that holds the embedded store itself (at the start of a platform, or while none runs); a running platform
is fed through `POST /v1/imports`.
"""

import asyncio
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from services.directory.documents import Import
from services.directory.import_queue import read_chunks
from services.directory.importing import Importer
from services.directory.model import ImportState, ReportEntry
from services.directory.repository import ImportRepository
from shared.clock import Clock
from shared.ids import Ids
from shared.security.caller import Owner

SHOWN_ENTRIES = 20


async def import_file(
    path: Path,
    source: str,
    *,
    importer: Importer,
    imports: ImportRepository,
    owner: Owner,
    clock: Clock,
    ids: Ids,
    console: Console,
    shown_entries: int = SHOWN_ENTRIES,
) -> Import:
    """Import a file as the venues of a source; return the ended import, whose state says whether it was refused."""
    size = (await asyncio.to_thread(path.stat)).st_size
    begun = await imports.add(Import(id=ids.new(), created_at=clock.now(), source=source, owner=owner))
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as progress:
        task = progress.add_task(f"{path.name} → {source}", total=size)
        ended = await importer.bring_in(
            begun, read_chunks(path), lambda read, _rows: progress.update(task, completed=read)
        )
    _print(ended, await imports.entries(ended, 0, shown_entries) if shown_entries else [], console)
    return ended


def _print(ended: Import, entries: list[ReportEntry], console: Console) -> None:
    if ended.state is not ImportState.COMPLETED:
        console.print(f"[bold red]{ended.state}[/]: {_plain(ended.refusal)}")
        return
    counts = ended.counts
    console.print(
        f"{counts.rows} rows: {counts.imported} imported ({counts.created} new, {counts.updated} changed, "
        f"{counts.unchanged} unchanged), {counts.rejected} rejected, {counts.retired} venues retired"
    )
    if ended.entries > len(entries):
        console.print(
            f"{ended.entries - len(entries)} remarks are in its report: GET /v1/imports/{ended.id}",
            highlight=False,
        )
    if not entries:
        return
    table = Table("row", "field", "rule", "outcome", "value")
    for entry in entries:
        table.add_row(str(entry.row), _plain(entry.field), entry.rule, entry.severity, _plain(entry.value))
    console.print(table)


def _plain(said: str | None) -> str:
    """Return what a file says so that a terminal shows it and obeys none of it, be it markup or a control code."""
    return escape("".join(sign if sign.isprintable() else "�" for sign in said or ""))
