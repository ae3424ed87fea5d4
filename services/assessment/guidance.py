"""How to do a procedure, online and otherwise: facts that each carry their source and the day they were read.

A page says the online service **and** a way without internet, or `none_known` with what the law says, where to be
helped and whom to turn to; anything else does not load. A fact older than twelve months is not shown: it is listed
as stale, for someone to read its source again.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

MAXIMUM_AGE_MONTHS = 12

WebAddress = Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=500)]


class WayKind(StrEnum):
    """The ways to do a procedure; only the first needs internet."""

    ONLINE_SERVICE = "online_service"
    PHONE = "phone"
    COUNTER = "counter"
    PAPER_FORM = "paper_form"
    POST = "post"
    ASSISTED_POINT = "assisted_point"
    SUBSTITUTION = "substitution"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fact(_Part):
    """One statement, where it was read and when. `page_dated` is the date the page gives itself.

    `seen` says whether the page itself or a stored copy of it was read.
    """

    text: str = Field(min_length=1, max_length=400)
    source: WebAddress
    checked: date
    page_dated: date | None = None
    seen: Literal["page", "stored_copy"] = "page"

    def is_fresh(self, on: date) -> bool:
        """Whether it was checked less than twelve months before `on`."""
        return on < _twelve_months_after(self.checked)


class Way(Fact):
    """A fact that is a way to do the procedure."""

    kind: WayKind
    phone: str | None = Field(default=None, pattern=r"^[0-9 ]{4,14}$")
    url: WebAddress | None = None


class NoneKnown(_Part):
    """No way without internet is known: what the law says, where to be helped, whom to turn to."""

    legal_note: Fact
    assisted_point: Fact
    delegate: Fact


class GuidancePage(_Part):
    """One procedure: its online services and the ways without internet, or `none_known`."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    procedure: str = Field(min_length=1)
    plain_title: str = Field(min_length=1)
    online: tuple[Way, ...] = Field(min_length=1)
    without_internet: tuple[Way, ...] = ()
    none_known: NoneKnown | None = None
    good_to_know: tuple[Fact, ...] = ()

    @model_validator(mode="after")
    def _one_or_the_other(self) -> "GuidancePage":
        if bool(self.without_internet) == bool(self.none_known):
            raise ValueError("give either a way without internet or none_known, and not both")
        if any(way.kind is not WayKind.ONLINE_SERVICE for way in self.online):
            raise ValueError("online holds online services only")
        if any(way.kind is WayKind.ONLINE_SERVICE for way in self.without_internet):
            raise ValueError("an online service is not a way without internet")
        return self

    def facts(self) -> Iterator[Fact]:
        """Every fact of the page."""
        yield from self.online
        yield from self.without_internet
        yield from self.good_to_know
        if self.none_known:
            yield from (self.none_known.legal_note, self.none_known.assisted_point, self.none_known.delegate)


class ShownPage(BaseModel):
    """What may be shown of a page on a day: fresh facts only. `recourse` stands when no way without internet is left."""

    model_config = ConfigDict(frozen=True)

    id: str
    procedure: str
    plain_title: str
    online: tuple[Way, ...]
    without_internet: tuple[Way, ...]
    recourse: tuple[Fact, ...]
    good_to_know: tuple[Fact, ...]
    hidden_facts: int


class GuidanceError(Exception):
    """A guidance file cannot be used."""


class GuidanceRefused(GuidanceError):
    """Everything wrong with a guidance file, at once."""

    def __init__(self, source: str, problems: Iterable[str]) -> None:
        self.source, self.problems = source, tuple(problems)
        lines = "\n".join(f"- {problem}" for problem in self.problems)
        super().__init__(f"The guidance {source} cannot be used:\n{lines}")


class Guidance:
    """All pages, and the recourse offered when a page has no way without internet to show."""

    def __init__(self, pages: Iterable[GuidancePage], recourse: NoneKnown) -> None:
        self._pages = {page.id: page for page in pages}
        self._recourse = recourse

    def ids(self) -> frozenset[str]:
        """The pages that exist."""
        return frozenset(self._pages)

    def shown(self, on: date, ids: Iterable[str] | None = None) -> tuple[ShownPage, ...]:
        """What may be shown on a day, of every page or of those named; an unknown id is left out."""
        wanted = self._pages if ids is None else [one for one in ids if one in self._pages]
        return tuple(self._show(self._pages[one], on) for one in wanted)

    def stale(self, on: date) -> tuple[tuple[str, Fact], ...]:
        """Facts to read again, with their page."""
        return tuple(
            (page.id, fact) for page in self._pages.values() for fact in page.facts() if not fact.is_fresh(on)
        )

    def _show(self, page: GuidancePage, on: date) -> ShownPage:
        online = tuple(way for way in page.online if way.is_fresh(on))
        without = tuple(way for way in page.without_internet if way.is_fresh(on))
        return ShownPage(
            id=page.id,
            procedure=page.procedure,
            plain_title=page.plain_title,
            online=online,
            without_internet=without,
            recourse=() if without else self._recourse_for(page, on),
            good_to_know=tuple(fact for fact in page.good_to_know if fact.is_fresh(on)),
            hidden_facts=sum(not fact.is_fresh(on) for fact in page.facts()),
        )

    def _recourse_for(self, page: GuidancePage, on: date) -> tuple[Fact, ...]:
        known = page.none_known or self._recourse
        return tuple(
            fact for fact in (known.legal_note, known.assisted_point, known.delegate) if fact.is_fresh(on)
        )


def parse_guidance_page(data: Mapping[str, Any], *, source: str) -> GuidancePage:
    """Read one page.

    Raises:
        GuidanceRefused: every problem found, with its place.
    """
    try:
        return GuidancePage.model_validate(data)
    except ValidationError as error:
        raise GuidanceRefused(source, _spell(error)) from error


def parse_recourse(data: Mapping[str, Any], *, source: str) -> NoneKnown:
    """Read what is offered when no way without internet is known.

    Raises:
        GuidanceRefused: every problem found, with its place.
    """
    try:
        return NoneKnown.model_validate(data)
    except ValidationError as error:
        raise GuidanceRefused(source, _spell(error)) from error


def _spell(error: ValidationError) -> Iterator[str]:
    for detail in error.errors(include_input=False, include_url=False):
        place = ".".join(str(part) for part in detail["loc"]) or "page"
        yield f"{place}: {detail['msg']}"


def _twelve_months_after(day: date) -> date:
    try:
        return day.replace(year=day.year + MAXIMUM_AGE_MONTHS // 12)
    except ValueError:  # 29 February
        return date(day.year + MAXIMUM_AGE_MONTHS // 12, 3, 1)
