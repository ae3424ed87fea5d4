"""How a route receives a part that `wiring.py` built: by its type, from the app's state.

In `api.py`: `Assessments = Annotated[AssessmentRepository, component(AssessmentRepository)]`.
"""

from typing import Any

from fastapi import Depends, Request


def component(kind: type) -> Any:
    """Return a dependency that gives the wired component of this type."""

    async def provide(request: Request) -> Any:
        return request.app.state.components[kind]

    return Depends(provide)
