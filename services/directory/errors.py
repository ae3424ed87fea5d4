"""What the directory may refuse, and why."""

from typing import ClassVar

from shared.errors import RelaisError, Unavailable


class DirectoryError(RelaisError):
    """The base of the directory's refusals."""


class UnknownMunicipality(DirectoryError):
    """The INSEE code names no municipality on file."""

    status: ClassVar[int] = 422

    def __init__(self, code_insee: str) -> None:
        super().__init__(
            f"There is no municipality {code_insee}, or its centre is not on file; "
            "give the INSEE code (93008), not the postcode, or coordinates.",
            field="commune",
        )


class SourceOfAnother(DirectoryError):
    """The venue or source is kept by another part of the tree."""

    status: ClassVar[int] = 403

    def __init__(self, source: str) -> None:
        super().__init__(f"The source {source} is kept by others; this client may read it, not change it.")


class SourceReserved(DirectoryError):
    """A name that the platform keeps for itself."""

    status: ClassVar[int] = 422

    def __init__(self, source: str) -> None:
        super().__init__(f"The source name {source} is reserved for venues made one by one; choose another.")


class VenueAlreadyKnown(DirectoryError):
    """The same source already has a venue with this local id."""

    status: ClassVar[int] = 409

    def __init__(self, venue_id: str) -> None:
        super().__init__(
            f"A venue with this id stands already: {venue_id}. Replace it with PUT /v1/venues/{venue_id}.",
            venue_id=venue_id,
        )


class VenueRetired(DirectoryError):
    """A retired venue is kept for the record and cannot be changed."""

    status: ClassVar[int] = 409

    def __init__(self, venue_id: str) -> None:
        super().__init__(f"Venue {venue_id} was retired and can no longer be changed; create it anew.")


class NothingUploaded(DirectoryError):
    """The import has no content."""

    status: ClassVar[int] = 422

    def __init__(self) -> None:
        super().__init__(
            "Send the CSV as the body (text/csv), or as the part `file` of a form (multipart/form-data)."
        )


class ImportsBusy(Unavailable):
    """Too many imports wait for their turn."""

    def __init__(self, waiting: int) -> None:
        super().__init__(f"{waiting} imports are waiting for their turn; send this one again later.")
