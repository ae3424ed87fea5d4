"""Every route of every service: which right it asks for, how to reach the owner's work by it, and what others get.

The test compares this table with the routes of the app: a route that is added without a row fails it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.security.caller import Scope
from tests.assessment.http_material import an_interview
from tests.directory.material import cells, csv_of
from tests.referral.material import agreement_body, referral_body
from tests.security.scene import OWNER, REFERENCE

Ids = dict[str, str]
Body = Callable[[Ids], Any]

PUBLIC = frozenset(
    {
        "POST /oauth/token",
        "GET /.well-known/jwks.json",
        "GET /.well-known/oauth-authorization-server",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
        "GET /docs",
        "GET /asyncapi.json",
        "GET /openapi.json",
        "MOUNT /docs/assets",
    }
)
"""Routes that anybody may call; they know of no one's work."""


@dataclass(frozen=True)
class Guarded:
    """One way to reach the owner's work by a route.

    `others`: the status another institution gets; 200 and 201 must come without a trace. `query` and `body` point at the
    owner's work, as an outsider would who learned its ids. `key` is the owner's own Idempotency-Key, reused.
    `colleagues`: what another body of the same institution gets, where that differs from `others`.
    """

    scopes: tuple[Scope, ...]
    others: int = 404
    query: Callable[[Ids], dict[str, str]] = lambda _ids: {}
    body: Body = lambda _ids: None
    csv: bytes | None = None
    key: str = "stolen"
    colleagues: int | None = None
    owner: int | None = 200
    """What the owner gets: the control that shows there is something to hide. None: it would change the scene."""
    by_partner: bool = False
    """Whether the control is the venue's partner and not the prescriber."""


def _all(**values: Any) -> Body:
    return lambda _ids: values


def _client(ids: Ids) -> dict[str, Any]:
    return {"node": ids["node"], "kind": "institution", "name": "x", "scopes": ["assessments:read"]}


def _venue(_ids: Ids) -> dict[str, Any]:
    return {"id": "v-1", "nom": "Un autre lieu", "code_insee": "93008"}


def _referral(ids: Ids) -> dict[str, Any]:
    venue_id = ids["venue_id"]
    agreement = agreement_body(recipients=[{"venue_id": venue_id}])
    return referral_body(case_id=ids["case_id"], venue_id=venue_id, agreement=agreement)


def _command(body: Body = lambda _ids: {}) -> list[Guarded]:
    return [Guarded((Scope.REFERRALS_WRITE, Scope.REFERRALS_ANSWER), body=body, owner=None)]


def _read(scope: Scope, **changes: Any) -> list[Guarded]:
    return [Guarded((scope,), **changes)]


def _listed(scope: Scope, **changes: Any) -> list[Guarded]:
    return [Guarded((scope,), others=200, **changes)]


OUTCOME = {"services_given": ["Maîtrise des outils numériques du quotidien"], "autonomy_after": "autonomous"}
NO_CAPACITY = _all(reason="no_capacity")

GUARDED: dict[str, list[Guarded]] = {
    # identity
    "GET /v1/institutions": _listed(Scope.INSTITUTIONS_MANAGE),
    "POST /v1/institutions": _read(
        Scope.INSTITUTIONS_MANAGE, others=403, body=_all(id=f"{OWNER}/intrus", name="x"), owner=None
    ),
    "GET /v1/institutions/{node}": _read(Scope.INSTITUTIONS_MANAGE),
    "GET /v1/clients": _listed(Scope.CLIENTS_MANAGE),
    "POST /v1/clients": _read(Scope.CLIENTS_MANAGE, others=403, body=_client, key="client", owner=None),
    "GET /v1/clients/{client_id}": _read(Scope.CLIENTS_MANAGE),
    "POST /v1/clients/{client_id}/rotate-secret": _read(Scope.CLIENTS_MANAGE, body=_all(), owner=None),
    "POST /v1/clients/{client_id}/disable": _read(Scope.CLIENTS_MANAGE, owner=None),
    # assessment
    "GET /v1/questionnaires": _listed(Scope.ASSESSMENTS_READ),
    "GET /v1/questionnaires/{questionnaire_id}/{version}": _listed(Scope.ASSESSMENTS_READ),
    "PUT /v1/questionnaires/preferences": _listed(
        Scope.ASSESSMENTS_WRITE, body=_all(blocks_off=[]), colleagues=403, owner=None
    ),
    "POST /v1/assessments": _read(
        Scope.ASSESSMENTS_WRITE,
        body=lambda ids: an_interview(case_id=ids["case_id"]),
        key="assessment",
        colleagues=201,
        owner=None,
    ),
    "GET /v1/assessments/{assessment_id}": _read(Scope.ASSESSMENTS_READ),
    "GET /v1/assessments/{assessment_id}/sheet": _read(Scope.ASSESSMENTS_READ),
    "POST /v1/assessments/{assessment_id}/retain": _read(Scope.ASSESSMENTS_WRITE, body=_all(), owner=None),
    "GET /v1/progress/{case_id}": _read(Scope.ASSESSMENTS_READ),
    "GET /v1/guidance": _listed(Scope.ASSESSMENTS_READ),
    # directory: a venue's record is public; who may change it is not
    "GET /v1/venues": _listed(Scope.VENUES_READ),
    "POST /v1/venues": _read(
        Scope.VENUES_WRITE, others=201, body=_venue, key="venue", owner=None, colleagues=409
    ),
    "GET /v1/venues/{venue_id}": _listed(Scope.VENUES_READ),
    "PUT /v1/venues/{venue_id}": _read(Scope.VENUES_WRITE, others=403, body=_venue, owner=None),
    "DELETE /v1/venues/{venue_id}": _read(Scope.VENUES_WRITE, others=403, owner=None),
    "POST /v1/imports": _read(
        Scope.VENUES_WRITE,
        others=403,
        query=lambda _ids: {"source": "secret-source"},
        csv=csv_of(cells()),
        key="import",
        owner=None,
    ),
    "GET /v1/imports": _listed(Scope.VENUES_READ),
    "GET /v1/imports/{import_id}": _read(Scope.VENUES_READ),
    "POST /v1/matches": _read(
        Scope.MATCHES_WRITE,
        body=lambda ids: {"needs": ["basic_skills"], "commune": "93008", "case_id": ids["case_id"]},
        key="match",
        colleagues=201,
        owner=None,
    ),
    "GET /v1/matches": [
        *_listed(Scope.MATCHES_READ),
        *_listed(Scope.MATCHES_READ, query=lambda ids: {"assessment_id": ids["assessment_id"]}),
    ],
    "GET /v1/matches/{match_id}": _read(Scope.MATCHES_READ),
    # referral
    "POST /v1/referrals": _read(
        Scope.REFERRALS_WRITE, body=_referral, key="referral", colleagues=201, owner=None
    ),
    "GET /v1/referrals": [
        *_listed(Scope.REFERRALS_READ),
        *_listed(Scope.REFERRALS_READ, query=lambda ids: {"case_id": ids["case_id"]}),
        *_listed(Scope.REFERRALS_READ, query=lambda ids: {"venue_id": ids["venue_id"]}),
        *_listed(Scope.REFERRALS_READ, query=lambda _ids: {"client_reference": REFERENCE}),
        *_listed(Scope.REFERRALS_READ, query=lambda _ids: {"state": "requested"}),
    ],
    "GET /v1/referrals/{referral_id}": _read(Scope.REFERRALS_READ),
    **{
        f"POST /v1/referrals/{{referral_id}}/{name}": _command()
        for name in ("acknowledge", "waitlist", "accept", "start")
    },
    **{
        f"POST /v1/referrals/{{referral_id}}/{name}": _command(NO_CAPACITY)
        for name in ("decline", "hold", "fail", "correct")
    },
    "POST /v1/referrals/{referral_id}/schedule": _command(_all(appointment={"at": "2026-12-01T09:00:00Z"})),
    "POST /v1/referrals/{referral_id}/attendance": _command(_all(attendance="seen")),
    "POST /v1/referrals/{referral_id}/complete": _command(_all(outcome=OUTCOME)),
    "POST /v1/referrals/{referral_id}/cancel": _command(_all(reason="person_declined", wish_of="person")),
    "POST /v1/referrals/{referral_id}/reopen": _command(_all(note="x", to="requested")),
    "GET /v1/venue-referrals": [
        *_read(
            Scope.REFERRALS_ANSWER,
            others=422,
            query=lambda ids: {"venue_id": ids["venue_id"]},
            by_partner=True,
        ),
    ],
    "GET /v1/venue-referrals/{referral_id}": _read(Scope.REFERRALS_ANSWER, by_partner=True),
    "GET /v1/cases/{case_id}": _read(Scope.REFERRALS_READ, colleagues=200),
    "POST /v1/cases/{case_id}/erase": _read(Scope.CASES_ERASE, owner=None, colleagues=202),
    # notifications
    "POST /v1/subscriptions": _read(
        Scope.SUBSCRIPTIONS_MANAGE,
        others=422,
        body=_all(url="https://outsider.example/hook", event_types=["*"], subtree=OWNER),
        key="subscription",
        owner=None,
    ),
    "GET /v1/subscriptions": _listed(Scope.SUBSCRIPTIONS_MANAGE),
    "GET /v1/subscriptions/{subscription_id}": _read(Scope.SUBSCRIPTIONS_MANAGE),
    "DELETE /v1/subscriptions/{subscription_id}": _read(Scope.SUBSCRIPTIONS_MANAGE, owner=None),
    **{
        f"POST /v1/subscriptions/{{subscription_id}}/{name}": _read(Scope.SUBSCRIPTIONS_MANAGE, owner=None)
        for name in ("rotate-secret", "test", "enable")
    },
    "GET /v1/deliveries": [
        *_listed(Scope.SUBSCRIPTIONS_MANAGE),
        *_read(Scope.SUBSCRIPTIONS_MANAGE, query=lambda ids: {"subscription_id": ids["subscription_id"]}),
    ],
    "GET /v1/deliveries/{delivery_id}": _read(Scope.SUBSCRIPTIONS_MANAGE),
    "POST /v1/deliveries/{delivery_id}/redrive": _read(Scope.SUBSCRIPTIONS_MANAGE, owner=None),
    "GET /v1/failed-deliveries": _listed(Scope.SUBSCRIPTIONS_MANAGE),
    # statistics
    "GET /v1/statistics": _listed(Scope.STATISTICS_OWN),
    "GET /v1/statistics/own/{report}": _listed(Scope.STATISTICS_OWN),
    "GET /v1/statistics/published/{report}": _listed(Scope.STATISTICS_PUBLISHED),
}

FIXED = {"questionnaire_id": "relais", "version": "2026-1", "report": "funnel"}
"""Path parameters that name public things."""
