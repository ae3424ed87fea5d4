"""The personal parts of a referral in plain: what a prescriber confides, sealed before it is stored.

Each field of `PersonalParts` is sealed on its own, under the purpose `referral.<field>`, so that a venue is given only
what the agreement shares.
"""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from shared.events.vocabulary import Adaptation
from shared.security.nir import FreeText, ShortText, WithoutNir

Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 .()-]{4,22}[0-9]$"), WithoutNir]
Email = Annotated[
    str, StringConstraints(pattern=r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$", max_length=254), WithoutNir
]
Commune = Annotated[str, StringConstraints(pattern=r"^([013-9]\d|2[AB1-9])\d{3}$")]
"""INSEE code of a municipality."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ContactWay(StrEnum):
    """How the person wishes to be reached."""

    PHONE = "phone"
    POST = "post"
    THROUGH_PROFESSIONAL = "through_professional"
    THROUGH_RELATIVE = "through_relative"
    DO_NOT_CONTACT = "do_not_contact"


class Relative(_Part):
    """Who answers for the person."""

    name: ShortText
    phone: Phone | None = None


class ContactSheet(_Part):
    """Who the person is and how to reach them without harm."""

    name: Annotated[ShortText, Field(min_length=1)]
    way: ContactWay
    phone: Phone | None = None
    postal_address: ShortText | None = None
    email: Email | None = None
    relative: Relative | None = None
    safe_times: ShortText | None = None
    may_leave_message: bool = False
    language: ShortText | None = None

    @model_validator(mode="after")
    def _way_can_be_used(self) -> Self:
        needed = {
            ContactWay.PHONE: ("phone", self.phone),
            ContactWay.POST: ("postal_address", self.postal_address),
            ContactWay.THROUGH_RELATIVE: ("relative", self.relative),
        }
        name, value = needed.get(self.way, ("", ""))
        if value is None:
            raise ValueError(f"way {self.way.value} needs {name}")
        return self


class Professional(_Part):
    """The referring professional, so that the venue can ask."""

    name: Annotated[ShortText, Field(min_length=1)]
    phone: Phone | None = None
    email: Email | None = None


class PersonalParts(_Part):
    """All that may be confided; None: not given, not shared, or erased."""

    contact: ContactSheet | None = None
    summary: Annotated[FreeText, Field(min_length=1)] | None = None
    adaptations: Annotated[tuple[Adaptation, ...], Field(min_length=1, max_length=len(Adaptation))] | None = (
        None
    )
    municipality: Commune | None = None
    availability: Annotated[ShortText, Field(min_length=1)] | None = None
    professional: Professional | None = None

    @property
    def given(self) -> frozenset[str]:
        """The names of the parts that hold something."""
        return frozenset(name for name in PART_NAMES if getattr(self, name) is not None)


PART_NAMES = tuple(PersonalParts.model_fields)
