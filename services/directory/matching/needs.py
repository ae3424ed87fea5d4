"""What each need asks of a venue, read from `needs.json`: services, modalities, programmes, in the standard's words."""

import json
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.directory.model import Care, Itinerance, Label, Programme
from shared.events.vocabulary import Adaptation, Modality, Need, Profile, StandardService

NEEDS_FILE = Path(__file__).parent.parent / "needs.json"


class Alternative(BaseModel):
    """One way of answering a need: every list given must be met, each by one of its values.

    `only_when_stated`: counts when the venue states it; a blank then asks nothing. `themes` are data.inclusion's: the
    national standard has no word for them, so they are unknown until that source is read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    services: tuple[StandardService, ...] = ()
    modalities: tuple[Modality, ...] = ()
    programmes: tuple[Programme, ...] = ()
    labels: tuple[Label, ...] = ()
    typologies: tuple[str, ...] = ()
    itinerance: tuple[Itinerance, ...] = ()
    themes: tuple[str, ...] = ()
    only_when_stated: bool = False


class NeedDefinition(BaseModel):
    """A need in plain French and the ways of answering it; none means that no venue does (the paper way)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    any_of: tuple[Alternative, ...]


class NeedTable(BaseModel):
    """The whole file; every need, adaptation and profile of the vocabulary must be there, or it does not load."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = Field(ge=1)
    source: str
    needs: dict[Need, NeedDefinition]
    adaptations: dict[Adaptation, tuple[Care, ...]]
    profiles: dict[Profile, tuple[Modality, ...]]

    @model_validator(mode="after")
    def _nothing_is_forgotten(self) -> "NeedTable":
        missing: set[str] = {*Need} - {*self.needs}
        missing |= {*Adaptation} - {*self.adaptations}
        missing |= {*Profile} - {Profile.UNDETERMINED} - {*self.profiles}
        if missing:
            raise ValueError(f"needs.json says nothing of {', '.join(sorted(missing))}")
        return self


@cache
def need_table() -> NeedTable:
    """The table of the file beside this service, read and checked once."""
    return NeedTable.model_validate(json.loads(NEEDS_FILE.read_text(encoding="utf-8")))
