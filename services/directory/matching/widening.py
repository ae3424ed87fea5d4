"""What would widen the choice, when fewer venues than wished fit: one thing given up at a time, and what it brings."""

from services.directory.matching.engine import count_eligible
from services.directory.matching.index import VenueIndex
from services.directory.matching.model import MatchRequest, Widening, WideningCode

FURTHER_KM = (5, 10, 20, 30, 50, 100, 200)
"""Reaches that are tried, in order; the first that gives enough is proposed."""


def widenings(request: MatchRequest, index: VenueIndex, eligible: int, wished: int) -> list[Widening]:
    """Each thing that could be given up, with the venues there would then be; only what brings more is kept."""
    if eligible >= wished:
        return []
    found = [further] if (further := _further(request, index, eligible, wished)) else []
    for code, given_up in _given_up(request).items():
        venues = count_eligible(request.model_copy(update=given_up), index)
        if venues > eligible:
            found.append(Widening(code, venues))
    return found


def _further(request: MatchRequest, index: VenueIndex, eligible: int, wished: int) -> Widening | None:
    best = None
    for reach_km in FURTHER_KM:
        if reach_km <= request.reach_used_km:
            continue
        venues = count_eligible(request.model_copy(update={"reach_km": float(reach_km)}), index)
        if venues > (best.venues if best else eligible):
            best = Widening(WideningCode.REACH, venues, float(reach_km))
        if best and best.venues >= wished:
            break
    return best


def _given_up(request: MatchRequest) -> dict[WideningCode, dict[str, object]]:
    possible: dict[WideningCode, tuple[bool, dict[str, object]]] = {
        WideningCode.COST: (request.free_only, {"free_only": False}),
        WideningCode.MODALITY: (request.modality is not None, {"modality": None}),
        WideningCode.PUBLICS: (bool(request.publics), {"publics": frozenset()}),
        WideningCode.STRICT: (bool(request.strict), {"strict": frozenset()}),
        WideningCode.VENUES_EXCLUDED: (bool(request.venues_excluded), {"venues_excluded": frozenset()}),
    }
    return {code: given_up for code, (asked, given_up) in possible.items() if asked}
