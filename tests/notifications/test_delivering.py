"""From an event to a signed request: who is told, what is said, in which order."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from services.notifications.model import AttemptOutcome, DeliveryState
from services.notifications.slots import ENDPOINT_SLOTS
from shared.events.assessments import AssessmentCompleted, AssessmentFacts
from shared.events.cases import CaseErased
from shared.events.matches import MatchCompleted
from shared.events.referrals import ReferralLapsed
from shared.events.vocabulary import AgeBand, ReferralKind, ReferralState
from shared.security.caller import Act
from shared.store.sqlite import SqliteEngine
from tests.notifications.receiver import Receiver
from tests.notifications.workbench import CASE, Bench, created, moved, partner, prescriber, running_bench
from tests.support.clock import ManualClock


async def test_the_library_verifies_what_the_receiver_got(engine: SqliteEngine, receiver: Receiver) -> None:
    clock = ManualClock(datetime.now(UTC))  # the library compares with the machine's own time
    async with running_bench(engine, clock) as bench:
        made = await bench.subscribe(partner("venue-1"), receiver.url())
        await bench.hand(created())
        (request,) = await receiver.wait_for(1)
    assert made.secret is not None
    body = Webhook(made.secret).verify(request.body, request.headers)
    assert body["type"] == "fr.relais.referral.created.v1"
    assert request.id == "ref-1:1"
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("act", "collection"), [(partner("venue-1"), "venue-referrals"), (prescriber(), "referrals")]
)
async def test_a_body_is_thin_and_links_to_what_its_reader_may_open(
    bench: Bench, receiver: Receiver, act: Act, collection: str
) -> None:
    await bench.subscribe(act, receiver.url())
    await bench.hand(moved())
    (request,) = await receiver.wait_for(1)
    assert request.json == {
        "type": "fr.relais.referral.accepted.v1",
        "timestamp": "2026-11-23T09:00:00Z",
        "data": {
            "id": "ref-1",
            "venue_id": "venue-1",
            "state": "accepted",
            "previous": "requested",
            "links": {"referral": f"http://localhost:8080/v1/{collection}/ref-1"},
        },
    }


async def test_assessments_and_matches_say_no_more_than_ids(bench: Bench, receiver: Receiver) -> None:
    await bench.subscribe(prescriber(), receiver.url())
    facts = AssessmentFacts(
        departement="93",
        age_band=AgeBand.FROM_60,
        depth="full",
        questionnaire="relais",
        questionnaire_version="1",
        confidence=80,
        ordinal=1,
    )
    await bench.hand(
        AssessmentCompleted(case_id=CASE, owner="cpam93/bobigny", facts=facts, sealed="c2VhbGVk"), "ass-1"
    )
    await bench.hand(
        MatchCompleted(
            owner="cpam93",
            cause="assessment",
            case_id=CASE,
            assessment_id="ass-1",
            departement="93",
            needs=(),
            venue_ids=("venue-1",),
            index_revision=3,
        ),
        "match-1",
    )
    by_id = {request.id: request.json["data"] for request in await receiver.wait_for(2)}
    assert by_id["ass-1:1"] == {
        "id": "ass-1",
        "links": {"assessment": "http://localhost:8080/v1/assessments/ass-1"},
    }
    assert set(by_id["match-1:1"]) == {"id", "assessment_id", "links"}
    assert not any(CASE in request.body.decode() for request in receiver.received)


@pytest.mark.parametrize(
    ("act", "filters", "payload", "told"),
    [
        (prescriber("cpam93"), {}, created(), True),
        (prescriber("cpam93/bobigny"), {}, created(), True),
        (prescriber("cpam93/bobigny/accueil"), {}, created(owner="cpam93/bobigny"), False),
        (prescriber("cpam93/montreuil"), {}, created(), False),
        (prescriber("cpam9"), {}, created(), False),
        (prescriber("caf75"), {}, created(), False),
        (prescriber("cpam93"), {"subtree": "cpam93/montreuil"}, created(), False),
        (prescriber("cpam93"), {"venue_ids": ["venue-2"]}, created(), False),
        (prescriber("cpam93"), {"departements": ["75"]}, created(), False),
        (prescriber("cpam93"), {"departements": ["75", "93"]}, created(), True),
        (prescriber("cpam93"), {"departements": ["93"]}, created(departement=None), True),
        (partner("venue-1"), {}, created(), True),
        (partner("venue-1", "venue-2"), {"venue_ids": ["venue-2"]}, created(), False),
        (partner("venue-2"), {}, created(), False),
        (partner("venue-1", node="cpam93"), {}, created(venue="venue-3"), False),
        (
            partner("venue-1"),
            {},
            created(kind=ReferralKind.SIGNPOST, state=ReferralState.HANDED_OVER),
            False,
        ),
        (
            partner("venue-1"),
            {},
            moved(kind=ReferralLapsed, previous=ReferralState.HANDED_OVER, state=ReferralState.LAPSED),
            False,
        ),
        (
            partner("venue-1"),
            {},
            moved(previous=ReferralState.HANDED_OVER, state=ReferralState.IN_PROGRESS),
            True,
        ),
    ],
)
async def test_who_is_told(
    bench: Bench, receiver: Receiver, act: Act, filters: dict[str, Any], payload: Any, *, told: bool
) -> None:
    await bench.subscribe(act, receiver.url(), **filters)
    await bench.hand(payload)
    await bench.quiet()
    assert len(receiver.received) == (1 if told else 0)


async def test_only_the_types_asked_for(bench: Bench, receiver: Receiver) -> None:
    await bench.subscribe(prescriber(), receiver.url(), "fr.relais.referral.accepted.v1")
    await bench.hand(created(), sequence=1)
    await bench.hand(moved(), sequence=2)
    await bench.quiet()
    assert receiver.ids() == ["ref-1:2"]


async def test_a_repeated_event_makes_one_delivery(bench: Bench, receiver: Receiver) -> None:
    await bench.subscribe(partner("venue-1"), receiver.url())
    for _ in range(3):
        await bench.hand(created())
    await bench.quiet()
    await bench.hand(created())
    await bench.quiet()
    assert receiver.ids() == ["ref-1:1"]
    assert [delivery.state for delivery in await bench.deliveries()] == [DeliveryState.DELIVERED]


async def test_one_event_goes_to_every_endpoint_under_one_id(bench: Bench, receiver: Receiver) -> None:
    await bench.subscribe(partner("venue-1"), receiver.url("/partner"))
    await bench.subscribe(prescriber(), receiver.url("/institution"))
    await bench.hand(created())
    await bench.quiet()
    assert receiver.ids("/partner") == receiver.ids("/institution") == ["ref-1:1"]
    first, second = (
        receiver.at(path)[0].headers["webhook-signature"] for path in ("/partner", "/institution")
    )
    assert first != second


async def test_a_failing_head_holds_its_own_referral_only(bench: Bench, receiver: Receiver) -> None:
    receiver.then("/hook", 500)
    await bench.subscribe(partner("venue-1"), receiver.url())
    await bench.hand(created(), "ref-1", 1)
    await bench.quiet()
    await bench.hand(moved(), "ref-1", 2)
    await bench.hand(created(), "ref-2", 1)
    await bench.hand(moved(), "ref-1", 3)
    await bench.quiet()
    assert receiver.ids() == ["ref-1:1", "ref-2:1"]
    await bench.later(timedelta(seconds=6))
    assert receiver.ids() == ["ref-1:1", "ref-2:1", "ref-1:1", "ref-1:2", "ref-1:3"]


async def test_events_that_come_while_the_head_is_sent_follow_it(bench: Bench, receiver: Receiver) -> None:
    gate = receiver.hold("/hook")
    await bench.subscribe(partner("venue-1"), receiver.url())
    await bench.hand(created(), sequence=1)
    await receiver.wait_for(1)
    await bench.hand(moved(), sequence=2)
    await bench.hand(moved(), sequence=3)
    assert receiver.ids() == ["ref-1:1"]
    gate.set()
    await bench.quiet()
    assert receiver.ids() == ["ref-1:1", "ref-1:2", "ref-1:3"]


async def test_a_hanging_endpoint_delays_no_other(bench: Bench, receiver: Receiver) -> None:
    gate = receiver.hold("/dead")
    await bench.subscribe(prescriber(), receiver.url("/dead"))
    await bench.subscribe(partner("venue-1"), receiver.url("/alive"))
    for number in range(30):
        await bench.hand(created(), f"ref-{number}")
    await receiver.wait_for(30, "/alive")
    await receiver.wait_for(ENDPOINT_SLOTS, "/dead")
    assert len(receiver.at("/dead")) == ENDPOINT_SLOTS
    gate.set()
    await bench.quiet()
    assert sorted(receiver.ids("/dead")) == sorted(receiver.ids("/alive"))


async def test_an_erased_case_leaves_nothing_to_deliver(bench: Bench, receiver: Receiver) -> None:
    receiver.always["/hook"] = 500
    await bench.subscribe(partner("venue-1"), receiver.url())
    await bench.hand(created(), "ref-1")
    await bench.hand(created(case_id="another-case"), "ref-2")
    await bench.quiet()
    await bench.hand(CaseErased(owner="cpam93"), CASE)
    assert [delivery.aggregate_id for delivery in await bench.deliveries()] == ["ref-2"]
    assert len(await bench.lanes()) == 1
    receiver.received.clear()
    await bench.later(timedelta(minutes=1))
    assert receiver.ids() == ["ref-2:1"]


async def test_a_case_erased_while_it_is_sent_is_not_written_again(bench: Bench, receiver: Receiver) -> None:
    gate = receiver.hold("/hook")
    await bench.subscribe(partner("venue-1"), receiver.url())
    await bench.hand(created())
    await receiver.wait_for(1)
    await bench.hand(CaseErased(owner="cpam93"), CASE)
    gate.set()
    await bench.quiet()
    assert await bench.deliveries() == []
    assert await bench.lanes() == []


async def test_every_attempt_is_kept_without_the_answer(bench: Bench, receiver: Receiver) -> None:
    receiver.then("/hook", 503)
    await bench.subscribe(partner("venue-1"), receiver.url())
    await bench.hand(created())
    await bench.later(timedelta(seconds=6))
    (delivery,) = await bench.deliveries()
    assert [(a.number, a.outcome, a.status) for a in delivery.attempts] == [
        (1, AttemptOutcome.REFUSED, 503),
        (2, AttemptOutcome.DELIVERED, 200),
    ]
    assert delivery.attempts[0].at == datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert delivery.state is DeliveryState.DELIVERED


async def test_the_timestamp_is_that_of_the_attempt(bench: Bench, receiver: Receiver) -> None:
    receiver.then("/hook", 500)
    await bench.subscribe(partner("venue-1"), receiver.url())
    await bench.hand(created())
    await bench.later(timedelta(seconds=6))
    first, second = (int(request.headers["webhook-timestamp"]) for request in receiver.at())
    assert second - first == 6
    assert receiver.at()[0].body == receiver.at()[1].body


async def test_what_was_pending_goes_out_after_a_restart(
    engine: SqliteEngine, clock: ManualClock, receiver: Receiver
) -> None:
    receiver.then("/hook", 500)
    async with running_bench(engine, clock) as bench:
        await bench.subscribe(partner("venue-1"), receiver.url())
        await bench.hand(created())
        await bench.quiet()
    clock.advance(timedelta(hours=1))
    async with running_bench(engine, clock) as bench:
        await receiver.wait_for(2)
        await bench.quiet()
        assert [delivery.state for delivery in await bench.deliveries()] == [DeliveryState.DELIVERED]


async def test_a_clean_stop_gives_an_attempt_under_way_back(
    engine: SqliteEngine, clock: ManualClock, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifications.dispatcher.STOP_GRACE_SECONDS", 0.01)
    gate = receiver.hold("/hook")
    async with running_bench(engine, clock) as bench:
        await bench.subscribe(partner("venue-1"), receiver.url())
        await bench.hand(created())
        await receiver.wait_for(1)
    gate.set()
    async with running_bench(engine, clock) as bench:  # no time has passed: the lease was given back
        await receiver.wait_for(2)
        await bench.quiet()
        assert set(receiver.ids()) == {"ref-1:1"}


@pytest.mark.services("notifications")
async def test_a_whole_platform_delivers_at_once(tmp_path: Path, receiver: Receiver, platform: Any) -> None:
    institution = await platform.client("cpam93/bobigny")
    made = await institution.post(
        "/v1/subscriptions", {"url": receiver.url(), "event_types": ["fr.relais.subscription.test.v1"]}
    )
    assert made.status == 422
    made = await institution.post("/v1/subscriptions", {"url": receiver.url(), "event_types": ["*"]})
    tested = await institution.post(f"/v1/subscriptions/{made.json['id']}/test")
    assert tested.status == 202
    (request,) = await receiver.wait_for(1)
    assert request.json["type"] == "fr.relais.subscription.test.v1"
    assert request.signed_by(made.json["secret"])
    assert tested.json["event_id"] == request.id
