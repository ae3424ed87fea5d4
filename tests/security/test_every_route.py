"""Every route of every service: no token, a broken one, the wrong right, somebody else's work."""

import re
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from joserfc.jwk import ECKey
from starlette.routing import Mount, Route

from shared.ids import RandomIds
from shared.security.caller import Caller, Scope
from shared.security.tokens import TokenIssuer
from tests.security.route_table import FIXED, GUARDED, PUBLIC, Guarded
from tests.security.scene import OWN_SCOPES, Scene, build_scene
from tests.support.http import Answer, ApiClient
from tests.support.platform import PlatformUnderTest, running_platform

GRANTED = (200, 201, 202, 204)
OUTSIDERS: dict[str, tuple[str, ...]] = {"cnav": (), "cpam9": (), "pimms-75": ("another-venue",)}
"""Another institution, one whose name only begins the same, and the partner of another venue."""
SHARED = frozenset({"GET /v1/venues"})
"""Lists that others may add to: venues are public."""
GUESSES = (
    "case_id",
    "assessment_id",
    "match_id",
    "referral_id",
    "subscription_id",
    "delivery_id",
    "import_id",
)


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[PlatformUnderTest]:
    """Run every service."""
    async with running_platform(tmp_path) as running:
        yield running


@pytest.fixture
async def scene(platform: PlatformUnderTest) -> Scene:
    """Do the owner's work."""
    return await build_scene(platform)


def services_routes(platform: PlatformUnderTest) -> dict[str, APIRoute]:
    """Return the routes that services serve, documented or not, by method and path."""
    routes: dict[str, APIRoute] = {}
    for service in platform.platform.services.values():
        for router in service.routers:
            for route in router.routes:
                assert isinstance(route, APIRoute), (
                    f"{service.name} serves {route!r}, which this test can't read"
                )
                for method in route.methods or ():
                    routes[f"{method} {re.sub(r':path}', '}', route.path)}"] = route
    return routes


def process_routes(platform: PlatformUnderTest) -> set[str]:
    """Return the routes that the process serves, its own and those of its services."""
    found = set()
    for route in platform.platform.app.routes:
        if isinstance(route, Mount):
            found.add(f"MOUNT {route.path}")
        elif isinstance(route, APIRoute | Route):
            path = route.path.replace(":path}", "}")
            found |= {f"{method} {path}" for method in route.methods or () if method != "HEAD"}
    return found


def documented_routes(platform: PlatformUnderTest) -> set[str]:
    """Return the routes of the OpenAPI document: what a client can find, however it came into the app."""
    paths: dict[str, dict[str, Any]] = platform.platform.app.openapi()["paths"]
    return {f"{method.upper()} {path}" for path, item in paths.items() for method in item}


def scopes_of(dependant: Dependant) -> set[Scope]:
    """Return the scopes that a route's dependencies ask for."""
    own = set(getattr(dependant.call, "required_scopes", ()))
    return own.union(*(scopes_of(each) for each in dependant.dependencies))


def ways() -> Iterator[tuple[str, Guarded]]:
    """Return every way of the table with its route."""
    for route, each in GUARDED.items():
        for way in each:
            yield route, way


async def call(client: ApiClient, route: str, way: Guarded, ids: dict[str, str]) -> Answer:
    """Make the request of one way."""
    method, path = route.split(" ")
    body = way.body(ids)
    options: dict[str, Any] = {"params": way.query(ids)}
    headers = {"Idempotency-Key": way.key}
    if way.csv is not None:
        headers["Content-Type"] = "text/csv"
        options["data"] = way.csv
    elif body is not None:
        options["json"] = body
    return await client.request(method, path.format(**FIXED | ids), headers=headers, **options)


def traces_in(answer: Answer, route: str, way: Guarded, scene: Scene) -> list[str]:
    """Return what an answer gives away, apart from what the request itself named."""
    method_and_path = route.format(**FIXED | scene.ids)
    asked = f"{method_and_path} {way.query(scene.ids)} {way.body(scene.ids)}"
    return sorted(trace for trace in scene.traces if trace in answer.text and trace not in asked)


class TestTable:
    async def test_it_names_every_route_and_no_other(self, platform: PlatformUnderTest) -> None:
        served = services_routes(platform).keys() | process_routes(platform) | documented_routes(platform)
        assert served - GUARDED.keys() - PUBLIC == set(), "add these routes to tests/security/route_table.py"
        assert (GUARDED.keys() | PUBLIC) - served == set(), (
            "these routes are gone: take them out of the table"
        )

    async def test_each_route_asks_for_the_right_it_names(self, platform: PlatformUnderTest) -> None:
        declared = {name: scopes_of(route.dependant) for name, route in services_routes(platform).items()}
        assert {route: set(way.scopes) for route, way in ways()} == {
            name: scopes for name, scopes in declared.items() if name not in PUBLIC
        }
        assert all(declared[name] == set() for name in PUBLIC & declared.keys())


class TestToken:
    async def test_without_a_good_one_nothing_is_answered(self, scene: Scene) -> None:
        platform = scene.platform
        caller = Caller("client-x", "cpam93", frozenset(scope.value for scope in Scope))
        expired = platform.issuer.issue(caller, platform.key)
        foreign_key = ECKey.generate_key(
            "P-256", {"kid": "test", "use": "sig", "alg": "ES256"}, auto_kid=False
        )
        foreign = platform.issuer.issue(caller, foreign_key)
        elsewhere = TokenIssuer("https://other.example", platform.clock, RandomIds(), timedelta(days=900))
        other_issuer = elsewhere.issue(caller, platform.key)
        platform.clock.advance(timedelta(days=401))
        altered = platform.issuer.issue(caller, platform.key)
        altered = altered[:-20] + ("A" if altered[-20] != "A" else "B") + altered[-19:]
        wrong = []
        for token in (None, "nothing", expired, foreign, other_issuer, altered):
            client = ApiClient(platform.session, platform.base, token, "agent-7", None)
            for route, way in ways():
                answer = await call(client, route, way, scene.ids)
                if answer.status != 401 or traces_in(answer, route, way, scene):
                    wrong.append((route, token and token[:20], answer.status))
        assert wrong == []

    async def test_without_the_right_nothing_is_answered(self, scene: Scene) -> None:
        wrong = []
        for route, way in ways():
            scopes = tuple(set(Scope) - set(way.scopes))
            client = await scene.platform.client(
                "cpam93/bobigny", scopes=scopes, venues=[scene.ids["venue_id"]]
            )
            answer = await call(client, route, way, scene.ids)
            if (
                answer.status != 403
                or "missing-scope" not in answer.text
                or traces_in(answer, route, way, scene)
            ):
                wrong.append((route, answer.status, answer.text))
        assert wrong == []


class TestOthersWork:
    async def test_its_owner_can_reach_it(self, scene: Scene) -> None:
        """The control: without it, a 404 for others would prove nothing."""
        wrong = []
        for route, way in ways():
            if way.owner is None:
                continue
            answer = await call(scene.partner if way.by_partner else scene.owner, route, way, scene.ids)
            if answer.status != way.owner:
                wrong.append((route, answer.status, answer.text))
        assert wrong == []
        assert all(name in scene.ids for name in GUESSES)

    async def test_nobody_else_finds_or_changes_anything(self, scene: Scene) -> None:
        before = await seen_by_owner(scene)
        for node, venues in OUTSIDERS.items():
            outsider = await scene.platform.client(
                node, scopes=tuple(Scope), venues=venues, client_id=f"outsider-{node}"
            )
            assert await found_by(outsider, scene) == [], node
            assert await seen_by_owner(scene) == before, node

    async def test_another_body_of_the_institution_finds_nothing_but_its_cases(self, scene: Scene) -> None:
        colleague = await scene.platform.client("cpam93/pantin", scopes=tuple(OWN_SCOPES | set(Scope)))
        assert await found_by(colleague, scene, as_colleague=True) == []

    async def test_ones_own_figures_count_nobody_elses_cases(self, scene: Scene) -> None:
        path = "/v1/statistics/own/funnel"
        outsider = await scene.platform.client("cnav", scopes=[Scope.STATISTICS_OWN])
        own, others = (await scene.owner.get(path)).json, (await outsider.get(path)).json
        assert counts(own["rows"]) > 0
        assert counts(others["rows"]) == counts(others["total"]) == 0

    async def test_anothers_idempotency_key_gives_nothing(self, scene: Scene) -> None:
        """The owner's keys name its own creations only: the same key and body make another's own, or nothing."""
        outsider = await scene.platform.client("cnav", scopes=tuple(Scope), client_id="outsider")
        body = {"url": "https://outsider.example/hook", "event_types": ["*"]}
        made = await outsider.post("/v1/subscriptions", body, key="subscription")
        assert made.status == 201
        assert made.json["id"] != scene.ids["subscription_id"]


async def found_by(client: ApiClient, scene: Scene, *, as_colleague: bool = False) -> list[Any]:
    """Return what an outsider gets that it should not: another status than the table's, or a trace."""
    wrong: list[Any] = []
    for route, way in ways():
        expected = way.others
        if as_colleague and way.colleagues is not None:
            expected = way.colleagues
        if as_colleague and expected in (201, 202):
            continue  # a case is the institution's: what its other bodies do with it is no intrusion
        answer = await call(client, route, way, scene.ids)
        traces = traces_in(answer, route, way, scene)
        if answer.status != expected or (traces and expected == way.others):
            wrong.append((route, expected, answer.status, traces, answer.text[:300]))
    return wrong


async def seen_by_owner(scene: Scene) -> dict[str, str]:
    """Return every answer the owner and its partner get, to compare before and after."""
    return {
        f"{route} {way.query(scene.ids)}": stable(
            await call(scene.partner if way.by_partner else scene.owner, route, way, scene.ids)
        )
        for route, way in ways()
        if way.owner is not None and route not in SHARED
    }


def stable(answer: Answer) -> str:
    """Leave out what moves by itself: attempts of deliveries that nobody takes."""
    return re.sub(r'"attempts":\[.*?\]|"next_attempt_at":[^,}]*', "", answer.text)


def counts(value: Any) -> int:
    """Return the sum of every whole number in a piece of JSON."""
    if isinstance(value, dict):
        return sum(counts(each) for each in value.values())
    if isinstance(value, list):
        return sum(counts(each) for each in value)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
