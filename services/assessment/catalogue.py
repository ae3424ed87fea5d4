"""The questionnaires and guidance shipped with Relais, read and checked once, before anything is served."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from services.assessment.guidance import Guidance, ShownPage, parse_guidance_page, parse_recourse
from services.assessment.questionnaire import Questionnaire
from services.assessment.questionnaire_checks import QuestionnaireRefused, parse_questionnaire
from shared.clock import Clock
from shared.errors import RelaisError

SHIPPED = Path(__file__).parent
RECOURSE = "recourse.json"


class CatalogueError(RelaisError):
    """The base of what the catalogue may say."""


class UnknownQuestionnaire(CatalogueError):
    """No questionnaire has this id and version."""

    status: ClassVar[int] = 404

    def __init__(self, known: list[str]) -> None:
        super().__init__(f"There is no such questionnaire; there are {', '.join(known)}.")


class QuestionnaireNotOffered(CatalogueError):
    """An assessment names a questionnaire that does not exist."""

    status: ClassVar[int] = 422

    def __init__(self, known: list[str]) -> None:
        super().__init__(
            f"questionnaire: no such id and version; there are {', '.join(known)}.", field="questionnaire"
        )


class Catalogue:
    """Every version of every questionnaire, and the guidance pages."""

    def __init__(self, questionnaires: list[Questionnaire], guidance: Guidance) -> None:
        self._by_version = {(one.id, one.version): one for one in questionnaires}
        self.guidance = guidance

    @property
    def questionnaires(self) -> tuple[Questionnaire, ...]:
        """All versions, the newest of each first."""
        return tuple(self._by_version[key] for key in sorted(self._by_version, reverse=True))

    def find(self, questionnaire_id: str, version: str) -> Questionnaire | None:
        """The version of that name."""
        return self._by_version.get((questionnaire_id, version))

    def get(self, questionnaire_id: str, version: str) -> Questionnaire:
        """The version asked for.

        Raises:
            UnknownQuestionnaire: there is none.
        """
        found = self.find(questionnaire_id, version)
        if found is None:
            raise UnknownQuestionnaire(self.names())
        return found

    def names(self) -> list[str]:
        """Every version, as `id version`."""
        return [f"{one.id} {one.version}" for one in self.questionnaires]


class GuidanceOfTheDay:
    """The guidance as it may be shown today."""

    def __init__(self, guidance: Guidance, clock: Clock) -> None:
        self._guidance = guidance
        self._clock = clock

    def shown(self, ids: Iterable[str] | None = None) -> tuple[ShownPage, ...]:
        """Every page, or those named."""
        return self._guidance.shown(self._clock.now().date(), ids)


def load_catalogue(folder: Path = SHIPPED) -> Catalogue:
    """Read `questionnaires/*.json` and `guidance/*.json` of a folder.

    Raises:
        QuestionnaireRefused, GuidanceRefused: a file cannot be used, with everything that is wrong in it.
    """
    pages_folder = folder / "guidance"
    pages = [parse_guidance_page(data, source=name) for name, data in _read(pages_folder) if name != RECOURSE]
    recourse = parse_recourse(_read_one(pages_folder / RECOURSE), source=RECOURSE)
    guidance = Guidance(pages, recourse)
    questionnaires = []
    for name, data in _read(folder / "questionnaires"):
        questionnaire = parse_questionnaire(data, source=name)
        missing = set(questionnaire.meanings.procedures.guidance.values()) - guidance.ids()
        if missing:
            raise QuestionnaireRefused(
                name, [f"meanings, procedures: no guidance page {', '.join(sorted(missing))}"]
            )
        questionnaires.append(questionnaire)
    return Catalogue(questionnaires, guidance)


def _read(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(folder.glob("*.json")):
        yield path.name, _read_one(path)


def _read_one(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return data
