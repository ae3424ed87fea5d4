"""What happens around every request: the size of its body, who may keep the answer, its metrics, its trace."""

import asyncio
import re

import pytest

from shared.http.app import BODY_LIMIT_BYTES
from shared.observability import metrics
from tests.shared.surface import surface
from tests.support.asgi import ask

APP = surface()
PIECE = b"x" * 65_536
TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


def counted(method: str, route: str, status: int) -> float:
    return metrics.HTTP_REQUESTS.labels(method, route, status)._value.get()  # type: ignore[no-any-return]


class TestBodies:
    async def test_a_body_up_to_the_limit_passes(self) -> None:
        answer = await ask(APP, "POST", "/v1/raw", body=b"x" * BODY_LIMIT_BYTES)
        assert answer.json == {"bytes": BODY_LIMIT_BYTES}

    async def test_an_announced_body_over_the_limit_is_refused_unread(self) -> None:
        answer = await ask(APP, "POST", "/v1/raw", headers={"content-length": str(BODY_LIMIT_BYTES + 1)})
        assert answer.status == 413
        assert answer.json["limit_bytes"] == BODY_LIMIT_BYTES

    @pytest.mark.parametrize("path", ["/v1/raw", "/v1/things"])
    async def test_a_body_in_pieces_over_the_limit_is_refused_once_it_is_over(self, path: str) -> None:
        count = BODY_LIMIT_BYTES // len(PIECE) + 1
        answer = await ask(
            APP, "POST", path, pieces=[PIECE] * count, headers={"content-type": "application/json"}
        )
        assert answer.status == 413
        assert answer.json["type"] == "/problems/body-too-large"
        assert answer.starts == 1

    async def test_a_body_that_lies_about_its_length_is_refused(self) -> None:
        answer = await ask(APP, "POST", "/v1/raw", pieces=[PIECE] * 20, headers={"content-length": "10"})
        assert answer.status == 413

    async def test_imports_may_be_larger(self) -> None:
        answer = await ask(APP, "POST", "/v1/imports", pieces=[PIECE] * 40)
        assert answer.json == {"bytes": 40 * len(PIECE)}

    async def test_no_method_goes_round_the_limit(self) -> None:
        answer = await ask(APP, "DELETE", "/v1/raw", headers={"content-length": str(BODY_LIMIT_BYTES + 1)})
        assert answer.status == 413


class TestKeeping:
    @pytest.mark.parametrize("path", ["/v1/things", "/v1/things/abc", "/v1/nowhere"])
    async def test_nobody_on_the_way_keeps_what_the_api_answers(self, path: str) -> None:
        headers = (await ask(APP, "GET", path)).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"

    async def test_what_a_route_says_itself_stands(self) -> None:
        assert (await ask(APP, "GET", "/v1/kept")).headers["cache-control"] == "max-age=60"

    async def test_public_pages_may_be_kept(self) -> None:
        headers = (await ask(APP, "GET", "/docs")).headers
        assert "cache-control" not in headers
        assert headers["x-content-type-options"] == "nosniff"


class TestMetrics:
    async def test_requests_are_counted_by_route_and_never_by_what_they_name(self) -> None:
        before = counted("GET", "/v1/things/{identifier}", 404)
        for identifier in ("a", "b"):
            await ask(APP, "GET", f"/v1/things/{identifier}")
        assert counted("GET", "/v1/things/{identifier}", 404) - before == 2

    async def test_what_matches_nothing_is_one_series(self) -> None:
        before = counted("GET", "unmatched", 404)
        for path in ("/nowhere", "/wp-admin", "/" + "x" * 500):
            await ask(APP, "GET", path)
        assert counted("GET", "unmatched", 404) - before == 3

    async def test_a_method_that_nobody_knows_is_one_series(self) -> None:
        await ask(APP, "MADEUP1", "/v1/things")
        scrape = (await ask(APP, "GET", "/metrics")).body.decode()
        assert 'method="other"' in scrape
        assert "MADEUP1" not in scrape

    async def test_a_bug_counts_as_500(self) -> None:
        before = counted("GET", "/v1/bug", 500)
        await ask(APP, "GET", "/v1/bug")
        assert counted("GET", "/v1/bug", 500) - before == 1

    async def test_what_is_refused_for_its_size_is_counted(self) -> None:
        before = counted("POST", "unmatched", 413)
        await ask(APP, "POST", "/v1/raw", headers={"content-length": "99999999"})
        assert counted("POST", "unmatched", 413) - before == 1


class TestTrace:
    async def test_a_trace_that_came_is_continued(self) -> None:
        answer = await ask(APP, "GET", "/v1/trace", headers={"traceparent": TRACE})
        assert answer.json == {"trace": TRACE}

    @pytest.mark.parametrize(
        "received", ["", "nonsense", TRACE + "x", TRACE.upper(), "00-" + "0" * 32 + TRACE[35:]]
    )
    async def test_anything_else_begins_a_new_one(self, received: str) -> None:
        answer = await ask(APP, "GET", "/v1/trace", headers={"traceparent": received})
        assert answer.json["trace"] != received
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", answer.json["trace"])

    async def test_requests_side_by_side_keep_their_own(self) -> None:
        traces = [f"00-{number:032x}-{'b' * 16}-01" for number in range(1, 20)]
        answers = await asyncio.gather(
            *(ask(APP, "GET", "/v1/trace", headers={"traceparent": trace}) for trace in traces)
        )
        assert [answer.json["trace"] for answer in answers] == traces
