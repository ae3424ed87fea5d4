"""The HTTP surface of notifications, as an institution's and a partner's software see it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from fastapi.routing import APIRoute

from services.notifications.api import ROUTERS
from services.notifications.commands import MAX_SUBSCRIPTIONS
from services.notifications.dispatcher import Dispatcher
from services.notifications.handlers import NOTICES
from services.notifications.notices import told_types
from services.notifications.retries import JITTER, WAITS
from shared.bus.topics import TOPICS, Topic
from shared.events.cases import CaseErased
from shared.events.referrals import ReferralCreated, ReferralMoved
from shared.store.port import Document
from tests.notifications.receiver import Receiver
from tests.notifications.workbench import created, moved
from tests.support.http import ApiClient
from tests.support.platform import PlatformUnderTest

pytestmark = pytest.mark.services("notifications")

BODY = {"url": "https://partner.example/hook", "event_types": ["*"]}
ROUTES = [
    ("POST", "/v1/subscriptions"),
    ("GET", "/v1/subscriptions"),
    ("GET", "/v1/subscriptions/{id}"),
    ("DELETE", "/v1/subscriptions/{id}"),
    ("POST", "/v1/subscriptions/{id}/rotate-secret"),
    ("POST", "/v1/subscriptions/{id}/test"),
    ("POST", "/v1/subscriptions/{id}/enable"),
    ("GET", "/v1/deliveries"),
    ("GET", "/v1/deliveries/{id}"),
    ("POST", "/v1/deliveries/{id}/redrive"),
    ("GET", "/v1/failed-deliveries"),
]

REFUSED: list[dict[str, Any]] = [
    {"event_types": []},
    {"venue_ids": ["269059912345662"]},
    {"venue_ids": ["Mme Lefevre"]},
    {"event_types": ["fr.relais.referral.invented.v1"]},
    {"event_types": ["fr.relais.case.erased.v1"]},
    {"event_types": ["fr.relais.venue.snapshot.v1"]},
    {"departements": ["99"]},
    {"subtree": "caf75"},
    {"subtree": "cpam93"},
    {"url": "https://user:pw@partner.example/"},
    {"url": "https://partner.example/#here"},
    {"url": "gopher://partner.example/"},
    {"url": ""},
    {"colour": "blue"},
]


class Published(Document):
    """An aggregate of another service, whose events this one hears."""

    kind = "published"


async def publish(platform: PlatformUnderTest, identifier: str, *payloads: Any) -> None:
    """Publish events of one aggregate, as the referral service would, and let them be delivered."""
    document = Published(id=identifier, created_at=platform.clock.now())
    await platform.store("referral").add(document, payloads)
    await sent(platform)


async def sent(platform: PlatformUnderTest) -> None:
    """Return once everything published was handled and everything due was tried."""
    await platform.settle()
    dispatcher: Any = platform.platform.services["notifications"].components[Dispatcher]
    await dispatcher.start_due()
    await dispatcher.idle()


async def later(platform: PlatformUnderTest, duration: timedelta) -> None:
    """Let time pass, and what became due be tried."""
    platform.clock.advance(duration)
    await sent(platform)


async def subscribed(client: ApiClient, **changes: Any) -> dict[str, Any]:
    """Create a subscription and return it."""
    answer = await client.post("/v1/subscriptions", BODY | changes)
    assert answer.status == 201, answer.text
    made: dict[str, Any] = answer.json
    return made


class TestEveryRoute:
    """Refusals come before anything else."""

    async def test_no_token(self, platform: PlatformUnderTest) -> None:
        for method, path in ROUTES:
            answer = await platform.anonymous().request(method, path.format(id="any"))
            assert answer.status == 401, (method, path)

    async def test_wrong_scope(self, platform: PlatformUnderTest) -> None:
        client = await platform.client(scopes=["referrals:read"])
        for method, path in ROUTES:
            answer = await client.request(method, path.format(id="any"), headers={"Idempotency-Key": "k"})
            assert (answer.status, answer.json["scope"]) == (403, "subscriptions:manage"), (method, path)

    async def test_unknown_id(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        for method, path in ROUTES:
            answer = await client.request(method, path.format(id="any"), headers={"Idempotency-Key": "k"})
            expected = 404 if "{id}" in path else 422 if method == "POST" else 200
            assert answer.status == expected, (method, path)

    def test_the_list_above_is_complete(self) -> None:
        served = {
            (method, re.sub(r"{\w+}", "{id}", route.path))
            for router in ROUTERS
            for route in router.routes
            if isinstance(route, APIRoute)
            for method in route.methods
        }
        assert served == set(ROUTES)


class TestSubscribing:
    """POST /v1/subscriptions."""

    async def test_the_secret_is_shown_once(self, platform: PlatformUnderTest) -> None:
        client = await platform.client("cpam93/bobigny")
        made = await subscribed(client, departements=["93"], venue_ids=["venue-1"])
        assert made["secret"].startswith("whsec_")
        assert (made["owner"], made["audience"], made["subtree"]) == (
            "cpam93/bobigny",
            "institution",
            "cpam93/bobigny",
        )
        assert made["state"] == "active"
        read = await client.get(f"/v1/subscriptions/{made['id']}")
        assert read.json == made | {"secret": None}
        listed = await client.get("/v1/subscriptions")
        assert listed.json == {"items": [made | {"secret": None}], "next": None}

    async def test_a_repeat_makes_one(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        first = await client.post("/v1/subscriptions", BODY, key="once")
        again = await client.post("/v1/subscriptions", BODY, key="once")
        assert (again.status, again.json) == (201, first.json)
        other = await client.post("/v1/subscriptions", BODY | {"departements": ["75"]}, key="once")
        assert other.status == 422
        assert len((await client.get("/v1/subscriptions")).json["items"]) == 1

    async def test_what_does_not_fit_is_named(self, platform: PlatformUnderTest) -> None:
        client = await platform.client("cpam93/bobigny")
        for change in REFUSED:
            answer = await client.post("/v1/subscriptions", BODY | change)
            assert answer.status == 422, change
            assert next(iter(change)) in answer.json["detail"]
            assert "pw" not in answer.text
        assert (await client.get("/v1/subscriptions")).json["items"] == []

    async def test_a_partner_hears_of_its_own_venues_only(self, platform: PlatformUnderTest) -> None:
        client = await platform.partner("venue-1", "venue-2")
        assert (await subscribed(client))["venue_ids"] == ["venue-1", "venue-2"]
        assert (await subscribed(client, venue_ids=["venue-2"]))["venue_ids"] == ["venue-2"]
        for refused in (
            {"venue_ids": ["venue-3"]},
            {"subtree": "pimms-93"},
            {"event_types": ["fr.relais.assessment.completed.v1"]},
        ):
            answer = await client.post("/v1/subscriptions", BODY | refused)
            assert (answer.status, answer.json["field"]) == (422, next(iter(refused)))

    async def test_there_is_a_limit(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        for number in range(MAX_SUBSCRIPTIONS):
            answer = await client.post("/v1/subscriptions", BODY, key=f"k{number}")
            assert answer.status == 201
        assert (await client.post("/v1/subscriptions", BODY)).status == 409
        assert (await client.post("/v1/subscriptions", BODY, key="k0")).status == 201
        other = await platform.client("caf75")
        assert (await other.post("/v1/subscriptions", BODY)).status == 201


class TestSight:
    """Another's subscription does not exist; a node below one's own does."""

    async def test_another_institutions_is_unknown(self, platform: PlatformUnderTest) -> None:
        made = await subscribed(await platform.client("cpam93/bobigny"))
        for method, path in ROUTES:
            if "subscriptions/{id}" not in path:
                continue
            for other in ("caf75", "cpam93/montreuil", "cpam93/bobigny/accueil", "cpam9"):
                client = await platform.client(other)
                headers = {"Idempotency-Key": "key"}
                answer = await client.request(method, path.format(id=made["id"]), headers=headers)
                assert answer.status == 404, (method, path, other)
        above = await platform.client("cpam93")
        assert (await above.get(f"/v1/subscriptions/{made['id']}")).status == 200

    async def test_another_institutions_deliveries_are_unknown(
        self, platform: PlatformUnderTest, receiver: Receiver
    ) -> None:
        mine = await platform.client("cpam93/bobigny")
        made = await subscribed(mine, url=receiver.url())
        await publish(platform, "ref-1", created())
        (delivery,) = (await mine.get("/v1/deliveries")).json["items"]
        for other in ("caf75", "cpam93/montreuil"):
            client = await platform.client(other)
            assert (await client.get("/v1/deliveries")).json["items"] == []
            assert (await client.get("/v1/deliveries", subscription_id=made["id"])).status == 404
            assert (await client.get(f"/v1/deliveries/{delivery['id']}")).status == 404
            assert (await client.post(f"/v1/deliveries/{delivery['id']}/redrive")).status == 404

    async def test_two_partners_hear_each_of_their_own(
        self, platform: PlatformUnderTest, receiver: Receiver
    ) -> None:
        await subscribed(await platform.partner("venue-1"), url=receiver.url("/one"))
        await subscribed(await platform.partner("venue-2", node="epn-93"), url=receiver.url("/two"))
        await publish(platform, "ref-1", created("venue-1"), moved("venue-1"))
        await publish(platform, "ref-2", created("venue-2"))
        assert receiver.ids("/one") == ["ref-1:1", "ref-1:2"]
        assert receiver.ids("/two") == ["ref-2:1"]


class TestRemoving:
    """DELETE /v1/subscriptions/{id}."""

    async def test_nothing_more_is_sent(self, platform: PlatformUnderTest, receiver: Receiver) -> None:
        client = await platform.client("cpam93")
        made = await subscribed(client, url=receiver.url())
        answer = await client.delete(f"/v1/subscriptions/{made['id']}")
        assert (answer.status, answer.text) == (204, "")
        assert (await client.get(f"/v1/subscriptions/{made['id']}")).status == 404
        assert (await client.delete(f"/v1/subscriptions/{made['id']}")).status == 404
        assert (await client.get("/v1/subscriptions")).json["items"] == []
        await publish(platform, "ref-1", created())
        assert receiver.received == []


class TestRotating:
    """POST /v1/subscriptions/{id}/rotate-secret."""

    async def test_both_sign(self, platform: PlatformUnderTest, receiver: Receiver) -> None:
        client = await platform.client("cpam93")
        made = await subscribed(client, url=receiver.url())
        rotated = await client.post(f"/v1/subscriptions/{made['id']}/rotate-secret")
        assert rotated.json["former_secret_signs_until"] == "2026-11-24T09:00:00Z"
        assert rotated.json["secret"] != made["secret"]
        await publish(platform, "ref-1", created())
        (request,) = receiver.at()
        assert request.signed_by(made["secret"])
        assert request.signed_by(rotated.json["secret"])


class TestDeliveries:
    """GET /v1/deliveries, failed deliveries, redrive."""

    async def test_attempts_are_shown(self, platform: PlatformUnderTest, receiver: Receiver) -> None:
        receiver.then("/hook", 503)
        client = await platform.client("cpam93")
        made = await subscribed(client, url=receiver.url())
        await publish(platform, "ref-1", created())
        (waiting,) = (await client.get("/v1/deliveries", state="pending")).json["items"]
        detail = (await client.get(f"/v1/deliveries/{waiting['id']}")).json
        assert detail["next_attempt_at"].startswith("2026-11-23T09:00:0")
        assert "ref-1" in detail["body"]
        (attempt,) = detail["attempts"]
        assert attempt["duration_ms"] >= 0
        assert (attempt["number"], attempt["outcome"], attempt["status"], attempt["at"]) == (
            1,
            "refused",
            503,
            "2026-11-23T09:00:00Z",
        )
        await later(platform, timedelta(seconds=6))
        assert (await client.get("/v1/deliveries", state="pending")).json["items"] == []
        found = await client.get("/v1/deliveries", state="delivered", subscription_id=made["id"])
        assert [item["id"] for item in found.json["items"]] == [waiting["id"]]
        assert (await client.get(f"/v1/deliveries/{waiting['id']}")).json["next_attempt_at"] is None

    async def test_pages_follow_a_cursor(self, platform: PlatformUnderTest, receiver: Receiver) -> None:
        client = await platform.client("cpam93")
        await subscribed(client, url=receiver.url())
        for number in range(5):
            await publish(platform, f"ref-{number}", created())
        first = (await client.get("/v1/deliveries", limit=3)).json
        rest = (await client.get("/v1/deliveries", limit=3, after=first["next"])).json
        seen = {item["aggregate_id"] for item in (*first["items"], *rest["items"])}
        assert seen == {f"ref-{number}" for number in range(5)}
        assert rest["next"] is None
        assert (await client.get("/v1/deliveries", after="nonsense")).status == 400
        assert (await client.get("/v1/deliveries", colour="blue")).status == 422
        assert (await client.get("/v1/deliveries", state="lost")).status == 422

    async def test_a_failed_one_is_listed_and_redriven(
        self, platform: PlatformUnderTest, receiver: Receiver
    ) -> None:
        receiver.always["/hook"] = 500
        client = await platform.client("cpam93")
        await subscribed(client, url=receiver.url())
        await publish(platform, "ref-1", created())
        assert (await client.get("/v1/failed-deliveries")).json["items"] == []
        for wait in WAITS:
            await later(platform, wait * (1 + JITTER))
        (failed,) = (await client.get("/v1/failed-deliveries")).json["items"]
        assert (failed["state"], failed["event_id"]) == ("exhausted", "ref-1:1")
        exhausted = await platform.events(Topic.DELIVERIES)
        assert [event.type for event in exhausted] == ["fr.relais.delivery.exhausted.v1"]
        receiver.always.clear()
        redriven = await client.post(f"/v1/deliveries/{failed['id']}/redrive", key="again")
        assert (redriven.status, redriven.json["state"]) == (202, "pending")
        await sent(platform)
        again = await client.post(f"/v1/deliveries/{failed['id']}/redrive", key="again")
        assert (again.status, again.json["state"]) == (202, "delivered")
        refused = await client.post(f"/v1/deliveries/{failed['id']}/redrive")
        assert (refused.status, refused.json["state"]) == (409, "delivered")
        assert (await client.get("/v1/failed-deliveries")).json["items"] == []
        assert receiver.ids()[-1] == "ref-1:1"


class TestEnabling:
    """POST /v1/subscriptions/{id}/enable."""

    async def test_a_gone_endpoint_is_disabled_and_comes_back(
        self, platform: PlatformUnderTest, receiver: Receiver
    ) -> None:
        receiver.then("/hook", 410)
        client = await platform.client("cpam93")
        made = await subscribed(client, url=receiver.url())
        await publish(platform, "ref-1", created(), moved())
        shown = (await client.get(f"/v1/subscriptions/{made['id']}")).json
        assert (shown["state"], shown["disabled_reason"]) == ("disabled", "gone")
        assert (await client.post(f"/v1/subscriptions/{made['id']}/test")).status == 409
        enabled = await client.post(f"/v1/subscriptions/{made['id']}/enable")
        assert (enabled.status, enabled.json["state"]) == (200, "active")
        await receiver.wait_for(3)
        assert receiver.ids() == ["ref-1:1", "ref-1:1", "ref-1:2"]


class TestTesting:
    """POST /v1/subscriptions/{id}/test."""

    async def test_a_repeat_sends_one(self, platform: PlatformUnderTest, receiver: Receiver) -> None:
        client = await platform.client("cpam93")
        made = await subscribed(client, url=receiver.url())
        first = await client.post(f"/v1/subscriptions/{made['id']}/test", key="once")
        await sent(platform)
        again = await client.post(f"/v1/subscriptions/{made['id']}/test", key="once")
        await sent(platform)
        assert (again.status, again.json["id"]) == (202, first.json["id"])
        assert again.json["state"] == "delivered"
        assert len(receiver.received) == 1
        assert receiver.at()[0].json["data"]["id"] == made["id"]


def test_every_type_of_the_topics_told_has_a_handler_and_a_notice(platform: PlatformUnderTest) -> None:
    handlers = platform.platform.services["notifications"].handlers
    told = set(told_types().values())
    assert set(handlers) == told | {CaseErased}
    assert all(payload in NOTICES or issubclass(payload, ReferralCreated | ReferralMoved) for payload in told)
    assert set(TOPICS) - {payload.topic for payload in told} == {Topic.VENUES, Topic.DELIVERIES, Topic.CASES}
