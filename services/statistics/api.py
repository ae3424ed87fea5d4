"""Routes of statistics. Two views, each with a right of its own: one's own cases exactly, everybody's protected."""

from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from services.statistics.desk import InvalidPeriod, ReportDesk, SplitNotPublished
from services.statistics.ledger import Ledger
from services.statistics.metrics import TABLES
from services.statistics.periods import Month
from services.statistics.reports import REPORTS, OwnSplit, PublishedSplit, ReportName
from services.statistics.tables import Table, to_csv
from shared.http.auth import MissingScope, Unauthenticated, requires
from shared.http.components import component
from shared.http.problems import InvalidRequest, documented
from shared.security.caller import Caller, Scope

router = APIRouter(prefix="/v1/statistics", tags=["statistics"])

Desk = Annotated[ReportDesk, component(ReportDesk)]
Facts = Annotated[Ledger, component(Ledger)]
OwnReader = Annotated[Caller, requires(Scope.STATISTICS_OWN)]
PublishedReader = Annotated[Caller, requires(Scope.STATISTICS_PUBLISHED)]
_REFUSALS = (Unauthenticated, MissingScope, InvalidRequest)


class Format(StrEnum):
    """How a table is written."""

    JSON = "json"
    CSV = "csv"


class _WindowQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    from_: Month | None = Field(None, alias="from", description="First month, `YYYY-MM`.")
    to: Month | None = Field(None, description="Last month, `YYYY-MM`, included.")
    format: Format = Field(Format.JSON, description="`csv` gives one line a cell.")


class OwnQuery(_WindowQuery):
    """Which of one's own cases, and split by what."""

    by: OwnSplit = Field(OwnSplit.NONE, description="One row for each value of this.")


class PublishedQuery(_WindowQuery):
    """Which quarters (whole and ended; default: the last), and split by what."""

    by: PublishedSplit = Field(PublishedSplit.NONE, description="One row for each value of this.")


class ReportDescription(BaseModel):
    """A report, what it counts, and by what each view may split it."""

    report: ReportName
    meaning: str
    own_by: list[OwnSplit]
    published_by: list[PublishedSplit]


class ReportList(BaseModel):
    """All reports there are."""

    items: list[ReportDescription]


_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


@router.get(
    "",
    summary="List the reports",
    response_model=ReportList,
    responses=documented(Unauthenticated, MissingScope),
)
async def list_reports(_caller: OwnReader) -> ReportList:
    """Say what each report counts."""
    return ReportList(
        items=[
            ReportDescription(
                report=report.name,
                meaning=report.meaning,
                own_by=list(OwnSplit),
                published_by=list(report.published_by),
            )
            for report in REPORTS.values()
        ]
    )


@router.get(
    "/own/{report}",
    summary="Count one's own cases, exactly",
    response_model=Table,
    responses=documented(*_REFUSALS, InvalidPeriod) | _CSV,
)
async def own_report(
    report: ReportName, query: Annotated[OwnQuery, Query()], caller: OwnReader, desk: Desk, ledger: Facts
) -> Table | Response:
    """Cases of the client's part of its institution's tree; a case counts from the month of its first fact."""
    await ledger.catch_up()
    table = await desk.own(caller.node, report, query.by, query.from_, query.to)
    return _answer(table, query.format)


@router.get(
    "/published/{report}",
    summary="Count the cases of all institutions, protected",
    response_model=Table,
    responses=documented(*_REFUSALS, InvalidPeriod, SplitNotPublished) | _CSV,
)
async def published_report(
    report: ReportName,
    query: Annotated[PublishedQuery, Query()],
    _caller: PublishedReader,
    desk: Desk,
    ledger: Facts,
) -> Table | Response:
    """Whole quarters that have ended. A cell shows at least 11 cases; hidden ones can't be worked out from others."""
    await ledger.catch_up()
    table = await desk.published(report, query.by, query.from_, query.to)
    return _answer(table, query.format)


def _answer(table: Table, wanted: Format) -> Table | Response:
    TABLES.labels(table.view, table.report).inc()
    if wanted is Format.JSON:
        return table
    name = f"relais-{table.report}-{table.view}.csv"
    return Response(
        to_csv(table),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
