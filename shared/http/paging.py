"""Lists by cursor: `{"items": [...], "next": cursor or null}`."""

from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from shared.store.port import MAX_PAGE

T = TypeVar("T")


class PageQuery(BaseModel):
    """The parameters of every list; a list's own filters are a subclass."""

    model_config = ConfigDict(extra="forbid")

    after: str | None = Field(None, max_length=2_000, description="The `next` of the page before.")
    limit: int = Field(50, ge=1, le=MAX_PAGE, description="How many items at most.")


Paging = Annotated[PageQuery, Query()]


class ListOf(BaseModel, Generic[T]):
    """One page; `next` is null on the last."""

    items: list[T]
    next: str | None
