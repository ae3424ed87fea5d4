"""The person's sheet: one page of simple French, made to be read, printed and kept.

It follows the rules of *facile à lire et à comprendre* and says "non relue" until people concerned have read it
again. It says that it is a computed suggestion and how to have it looked at again; it never holds a profile's name,
a score or an answer, and no fact that is unsourced or stale.
"""

import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.assessment.guidance import Fact, ShownPage
from services.assessment.model import Assessment
from services.assessment.questionnaire import Depth
from services.assessment.sealed import Opened
from shared.events.vocabulary import Band, Profile

HERE = Path(__file__).parent
MOST_PROPOSALS = 4
"""More would not be read, and would not fit on the page."""


class SheetPrinter:
    """Prints sheets. Built once: the template and the texts are read then."""

    def __init__(self) -> None:
        environment = Environment(
            loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=False
        )
        self._template = environment.get_template("sheet.html.j2")
        self._texts: dict[str, Any] = json.loads((HERE / "texts_fr.json").read_text("utf-8"))

    def print(self, opened: Opened, guidance: Iterable[ShownPage]) -> str:
        """The sheet as HTML."""
        pages = list(guidance)
        facts = [fact for page in pages for fact in _facts(page)]
        return self._template.render(
            sheet={
                "reference": opened.assessment.id[:8],
                "day": self._spell(opened.assessment.created_at.date()),
                "proposals": self._proposals(opened),
                "retained": opened.assessment.retained is not None,
                "guidance": pages,
                "ways": self._texts["ways"],
                "sources": sorted({urlsplit(fact.source).netloc.removeprefix("www.") for fact in facts}),
                "read_on": self._spell(
                    min((fact.checked for fact in facts), default=opened.assessment.created_at.date())
                ),
            }
        )

    def _proposals(self, opened: Opened) -> list[dict[str, str]]:
        assessment = opened.assessment
        proposed = tuple(one.need for one in assessment.proposed_needs)
        needs = assessment.retained.needs if assessment.retained else proposed
        lines: list[dict[str, str]] = [self._texts["needs"][need.value] for need in needs[:MOST_PROPOSALS]]
        return lines or self._without_needs(assessment)

    def _without_needs(self, assessment: Assessment) -> list[dict[str, str]]:
        """What to say when no need is named: that nothing is needed may be said only when enough is known."""
        profile = assessment.retained.profile if assessment.retained else assessment.proposed_profile
        if assessment.depth is Depth.SCREEN:
            return [self._texts["bands"][assessment.band.value]]
        if profile is Profile.UNDETERMINED:
            return [self._texts["bands"][Band.UNDETERMINED.value]]
        return []

    def _spell(self, day: date) -> str:
        return f"{day.day}{'er' if day.day == 1 else ''} {self._texts['months'][day.month - 1]} {day.year}"


def _facts(page: ShownPage) -> list[Fact]:
    return [*page.online, *page.without_internet, *page.recourse, *page.good_to_know]
