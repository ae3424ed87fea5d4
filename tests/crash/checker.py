"""Compares what was acknowledged with what the platform holds and what the partner was told; prints every difference.

Usage: python -m tests.crash.checker CONFIG. Exit code 0: nothing lost, nothing doubled, order held. 1: differences, a line each.

Rules: the same webhook id twice is allowed (at least once); two ids for one fact are not. The order of a referral's webhooks is
that of their first arrivals.
"""

import asyncio
import json
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import aiohttp

from deploy.demo.api import TIMEOUT, Api, Credentials, UnexpectedAnswer, get_token
from tests.crash.journal import read

STATES = ("requested", "accepted", "scheduled", "in_progress", "completed")
STATISTICS = "/v1/statistics/own/funnel"


class History:
    """What the driver was promised, by chain."""

    def __init__(self, lines: list[dict[str, Any]]) -> None:
        self.assessments = {line["id"]: line["case_id"] for line in lines if line["step"] == "assessed"}
        self.matches = {line["assessment_id"]: line["id"] for line in lines if line["step"] == "matched"}
        self.referrals: dict[str, list[str]] = defaultdict(list)
        for line in lines:
            if line["step"] in STATES:
                self.referrals[line["id"]].append(line["step"])


def check_webhooks(history: History, received: list[dict[str, Any]]) -> list[str]:
    """Return what is wrong with the partner's log: a state never told, told under two ids, or told out of order."""
    told: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for request in received:
        body = json.loads(request["body"])
        headers = {name.lower(): value for name, value in request["headers"].items()}
        told[body["data"]["id"]].append((headers["webhook-id"], body["data"]["state"]))
    problems = []
    for referral, states in history.referrals.items():
        first_arrivals = list(dict.fromkeys(told[referral]))
        ids = Counter(state for _, state in first_arrivals)
        problems += [f"lost: {referral} {state} was never told" for state in states if state not in ids]
        problems += [
            f"doubled: {referral} {state} was told under {n} ids" for state, n in ids.items() if n > 1
        ]
        order = [state for _, state in first_arrivals if state in states]
        if order != [state for state in states if state in ids]:
            problems.append(f"swapped: {referral} was told {order}")
    strangers = set(told) - set(history.referrals)
    return problems + [f"doubled: {stranger} was told and never acknowledged" for stranger in strangers]


async def check_platform(api: Api, history: History) -> list[str]:
    """Return what is wrong with what the platform holds."""
    problems: list[str] = []
    for assessment, case in history.assessments.items():
        problems += await _check_assessment(api, assessment, case, history.matches.get(assessment))
    for referral, states in history.referrals.items():
        problems += await _check_referral(api, referral, states)
    return problems


async def _check_assessment(api: Api, assessment: str, case: str, match: str | None) -> list[str]:
    try:
        found = await api.get(f"/v1/assessments/{assessment}")
    except UnexpectedAnswer as error:
        return [f"lost: assessment {assessment} answers {error.status}"]
    problems = [] if found["case_id"] == case else [f"lost: assessment {assessment} has another case"]
    matches = (await api.get("/v1/matches", assessment_id=assessment))["items"]
    ids = [one["id"] for one in matches]
    if match is not None and ids != [match]:
        problems.append(
            f"doubled or lost: assessment {assessment} has matches {ids}, {match} was acknowledged"
        )
    return problems


async def _check_referral(api: Api, referral: str, states: list[str]) -> list[str]:
    try:
        found = await api.get(f"/v1/referrals/{referral}")
    except UnexpectedAnswer as error:
        return [f"lost: referral {referral} answers {error.status}"]
    history = [step["state"] for step in found["history"]]
    doubled = [state for state, count in Counter(history).items() if count > 1]
    problems = [f"doubled: {referral} went through {state} twice" for state in doubled]
    if [state for state in history if state in states] != states:
        problems.append(f"lost or swapped: {referral} went through {history}, {states} were acknowledged")
    return problems


async def check_statistics(api: Api, history: History) -> list[str]:
    """Return the counts of the funnel that differ from the history."""
    completed = sum("completed" in states for states in history.referrals.values())
    expected = {
        "assessed": len(history.assessments),
        "matched": len(history.matches),
        "referred": len(history.referrals),
        "completed": completed,
    }
    total = (await api.get(STATISTICS))["total"]
    counted = {step: cell["cases"] for step, cell in total.items()}
    return [
        f"miscounted: {step} is {counted.get(step)}, {number} were acknowledged"
        for step, number in expected.items()
        if counted.get(step) != number
    ]


async def check(config: dict[str, Any]) -> list[str]:
    """Return every difference."""
    history = History(read(Path(config["journal"])))
    if not history.referrals:
        return ["nothing was acknowledged: there is nothing to check"]
    problems = check_webhooks(history, read(Path(config["received"])))
    if config.get("webhooks_only"):
        return problems
    async with aiohttp.ClientSession(timeout=TIMEOUT) as http:
        token = await get_token(http, config["base"], Credentials(**config["prescriber"]))
        api = Api(http, config["base"], token, "agent-checker", config["service"])
        return problems + await check_platform(api, history) + await check_statistics(api, history)


if __name__ == "__main__":
    found = asyncio.run(check(json.loads(Path(sys.argv[1]).read_text())))
    print("\n".join(found) or "nothing lost, nothing doubled, order held")  # noqa: T201
    sys.exit(1 if found else 0)
