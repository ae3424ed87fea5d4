"""Mme L.'s way, step by step: each step prints what happened and checks it; a miss ends the story."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from deploy.demo import bodies
from deploy.demo.api import Api
from deploy.demo.receiver import Received, Receiver

WAIT_SECONDS = 20


class Miss(Exception):
    """Something in the story was not as it should be."""


class Story:
    """Plays the chain through the public API of a running platform."""

    def __init__(
        self, console: Console, prescriber: Api, partner: Api, receiver: Receiver, hook: str, *, alone: bool
    ) -> None:
        """`alone`: nobody else uses this platform, so that its counts are exactly ours."""
        self._console, self._prescriber, self._partner = console, prescriber, partner
        self._receiver, self._hook, self._alone = receiver, hook, alone
        self._step = 0

    async def play(self) -> None:
        """Play every step.

        Raises:
            Miss: a check failed.
            UnexpectedAnswer: the platform refused a step.
        """
        before = await self._funnel()
        await self._subscribe()
        first = await self._assess()
        await self._guide(first)
        match = await self._match(first)
        referral = await self._refer(first, match)
        await self._told_and_accepted(referral)
        await self._meet(referral)
        await self._complete(referral)
        await self._reassess(first)
        await self._count(before)

    async def _subscribe(self) -> None:
        self._title("The partner subscribes to what is addressed to its venues")
        body = {"url": self._hook, "event_types": ["*"]}
        subscription = await self._partner.post("/v1/subscriptions", body)
        self._receiver.secret = subscription["secret"]
        self._check(subscription["secret"].startswith("whsec_"), "a secret of its own, shown once")

    async def _assess(self) -> dict[str, Any]:
        self._title("Assess: Mme L., 68, Bobigny, no equipment, wants to learn")
        found: dict[str, Any] = await self._prescriber.post("/v1/assessments", bodies.first_interview())
        proposed = found["proposed"]
        for score in proposed["scores"]:
            self._say(f"{score['name']}: {score['figure']}/100, from {len(score['contributions'])} answers")
            total = sum(part["points"] for part in score["contributions"])
            self._check(
                score["figure"] is not None and total >= 0, f"every point of {score['name']} is explained"
            )
        self._say(f"confidence {proposed['confidence']['figure']}/100")
        self._say(f"profile proposed and retained: {found['retained']['profile']}")
        self._say(f"needs: {', '.join(found['retained']['needs'])}")
        self._check(found["state"] == "completed", "the professional retained the result")
        self._check(found["retained"]["profile"] == "first_steps", "her profile is first_steps")
        self._check("basic_skills" in found["retained"]["needs"], "she needs basic skills")
        return found

    async def _guide(self, assessment: dict[str, Any]) -> None:
        self._title("Guide: each procedure online and without internet, and a sheet in plain French")
        (procedure,) = assessment["proposed"]["guidance"]
        (page,) = (await self._prescriber.get("/v1/guidance", procedure=procedure))["items"]
        self._say(
            f"{page['plain_title']}: {len(page['online'])} ways online, {len(page['without_internet'])} without internet"
        )
        self._check(bool(page["without_internet"]), "there is a way without internet")
        sheet = await self._prescriber.text(f"/v1/assessments/{assessment['id']}/sheet")
        self._check("first_steps" not in sheet, "the sheet names no profile")
        self._check("<h1" in sheet, "the sheet is a page to print")

    async def _match(self, assessment: dict[str, Any]) -> dict[str, Any]:
        self._title("Match: venues within reach, with reasons")

        async def find() -> dict[str, Any] | None:
            items = (await self._prescriber.get("/v1/matches", assessment_id=assessment["id"]))["items"]
            return items[0] if items else None

        summary = await self._eventually(find, "the match that the event started")
        match: dict[str, Any] = await self._prescriber.get(f"/v1/matches/{summary['id']}")
        for venue in match["venues"]:
            known = [reason["text"] for reason in venue["reasons"] if reason["answer"] == "yes"]
            unknown = len(venue["reasons"]) - len(known)
            self._say(f"{venue['nom']}, {venue['commune']}: {', '.join(known)}; {unknown} points à vérifier")
        coverage = [f"{one['need']} {one['coverage']}" for one in match["needs"]]
        self._say(f"coverage: {', '.join(coverage)}")
        self._check(len(match["venues"]) == 3, "three venues are proposed")
        self._check(all(venue["reasons"] for venue in match["venues"]), "each with its reasons")
        return match

    async def _refer(self, assessment: dict[str, Any], match: dict[str, Any]) -> dict[str, Any]:
        self._title("Refer, with her agreement")
        venue = match["venues"][0]["venue_id"]
        body = bodies.referral(venue, assessment, match["id"], datetime.now(UTC))
        referral: dict[str, Any] = await self._prescriber.post(
            "/v1/referrals", body, key="demo-referral-" + match["id"]
        )
        again = await self._prescriber.post("/v1/referrals", body, key="demo-referral-" + match["id"])
        self._check(referral["state"] == "requested", "the referral is requested")
        self._check(again["id"] == referral["id"], "sent twice with one Idempotency-Key, it is made once")
        return referral

    async def _told_and_accepted(self, referral: dict[str, Any]) -> None:
        self._title("Notify: the partner is told by a signed webhook, and accepts")
        told = await self._told(referral, "requested")
        self._say(f"webhook {told.webhook_id}, signature verified by the receiver")
        self._check("Mme L." not in str(told.body), "nothing personal in it")
        path = f"/v1/venue-referrals/{referral['id']}"
        seen = await self._partner.get(path)
        self._check("Mme L." not in str(seen), "before accepting, the partner does not see who she is")
        await self._move(referral, "accept", {}, "accepted")
        seen = await self._partner.get(path)
        self._check("Mme L." in str(seen), "after accepting, it does")

    async def _meet(self, referral: dict[str, Any]) -> None:
        self._title("Follow up: an appointment, and she comes")
        await self._move(referral, "schedule", bodies.appointment(datetime.now(UTC)), "scheduled")
        await self._move(referral, "attendance", {"attendance": "seen"}, "in_progress")

    async def _complete(self, referral: dict[str, Any]) -> None:
        self._title("The result comes back to the social worker")
        await self._move(referral, "complete", bodies.OUTCOME, "completed")
        known = await self._prescriber.get(f"/v1/referrals/{referral['id']}")
        self._say(f"{len(known['history'])} steps on record, autonomy: {known['outcome']['autonomy_after']}")
        self._check(known["outcome"]["equipment_obtained"], "she obtained equipment")
        for state in ("requested", "accepted", "scheduled", "in_progress", "completed"):
            await self._told(referral, state)
        self._check(self._receiver.refused == 0, "every webhook the partner got was signed")

    async def _reassess(self, first: dict[str, Any]) -> None:
        self._title("Reassess: what changed")
        await self._prescriber.post("/v1/assessments", bodies.second_interview(first["case_id"]))
        progress = await self._prescriber.get(f"/v1/progress/{first['case_id']}")
        change = progress["since_first"]["change"]
        self._say(", ".join(f"{name} {points:+d}" for name, points in change.items()))
        self._check(all(points > 0 for points in change.values()), "all three scores went up")
        self._check(len(progress["since_first"]["skills_gained"]) == 6, "six skills gained")

    async def _count(self, before: dict[str, int]) -> None:
        self._title("Count: the funnel of her institution")
        steps = ("assessed", "matched", "referred", "answered", "met", "completed", "reassessed")

        async def counted() -> dict[str, int] | None:
            now = await self._funnel()
            more = {step: now[step] - before[step] for step in steps}
            return now if all(count >= 1 for count in more.values()) else None

        now = await self._eventually(counted, "the funnel that counts her at every step")
        self._say(" → ".join(f"{step} {now[step]}" for step in steps))
        if self._alone:
            self._check(
                all(now[step] - before[step] == 1 for step in steps), "she is counted once at each step"
            )

    async def _funnel(self) -> dict[str, int]:
        report = await self._prescriber.get("/v1/statistics/own/funnel")
        return {step: cell["cases"] for step, cell in report["total"].items()}

    async def _move(self, referral: dict[str, Any], command: str, body: dict[str, Any], state: str) -> None:
        moved = await self._partner.post(f"/v1/referrals/{referral['id']}/{command}", body)
        self._check(moved["state"] == state, f"{command} → {state}")

    async def _told(self, referral: dict[str, Any], state: str) -> Received:
        def matches(one: Received) -> bool:
            data = one.body["data"]
            return bool(data["id"] == referral["id"] and data.get("state") == state)

        try:
            return await self._receiver.wait_for(matches, WAIT_SECONDS)
        except TimeoutError:
            raise Miss(f"the partner was never told that the referral is {state}") from None

    async def _eventually(self, look: Callable[[], Any], what: str) -> Any:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while (found := await look()) is None:
                    await asyncio.sleep(0.05)
                return found
        except TimeoutError:
            raise Miss(f"{what} did not come within {WAIT_SECONDS} s") from None

    def _title(self, text: str) -> None:
        self._step += 1
        self._console.print(f"\n[bold]{self._step}. {text}[/bold]")

    def _say(self, text: str) -> None:
        self._console.print(f"   {text}", highlight=False, markup=False)

    def _check(self, holds: bool, what: str) -> None:
        if not holds:
            raise Miss(what)
        self._console.print(f"   [green]✓[/green] {what}", highlight=False)
