"""`matching_per_second`: answers with reasons over 50,000 venues at 20 km, on one core, without HTTP.

Venues are grown from the sample around real municipalities (fixed seed) and read by the importer's own reader; the 2,000 positions are
municipalities drawn with another fixed seed; three needs, an adaptation and the cost limit are asked.
"""

import csv
import io
import random
import time
from datetime import date
from pathlib import Path

from benchmarks.grow import DATA, grow
from benchmarks.measure import REPEATS, Measure, absolute
from services.directory.matching.columns import row_of
from services.directory.matching.engine import match
from services.directory.matching.index import VenueIndex
from services.directory.matching.model import MatchRequest, Point
from services.directory.municipalities import Municipalities
from services.directory.standards.mednum import VenueFile
from shared.events.vocabulary import Adaptation, Need
from shared.ids import derived_id

VENUES = 50_000
QUESTIONS = 2_000
TODAY = date(2026, 11, 23)
NEEDS = (Need.ONE_OFF_HELP, Need.BASIC_SKILLS, Need.ACCESS_POINT)


def index_of(venues: int) -> VenueIndex:
    """Return an index of grown venues."""
    rows = grow(venues)
    first = next(rows)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(first))
    writer.writeheader()
    writer.writerow(first)
    writer.writerows(rows)
    content = text.getvalue().encode()
    chunks = (content[start : start + 65_536] for start in range(0, len(content), 65_536))
    municipalities = Municipalities.load(DATA / "communes_fr.csv")
    index = VenueIndex()
    file = VenueFile(chunks, municipalities=municipalities, today=TODAY)
    index.apply(
        row_of(derived_id("bench", result.record.id), 1, "bench", result.record)
        for result in file
        if result.record is not None
    )
    return index


def questions(count: int) -> list[MatchRequest]:
    """Return requests around real municipalities, the same in every run."""
    with (Path(DATA) / "communes_fr.csv").open(encoding="utf-8", newline="") as file:
        centres = [row for row in csv.DictReader(file) if row["latitude"]]
    draw = random.Random(20261124)
    return [
        MatchRequest(
            needs=NEEDS,
            position=Point(latitude=float(place["latitude"]), longitude=float(place["longitude"])),
            reach_km=20,
            adaptations=frozenset({Adaptation.STEP_FREE}),
            free_only=True,
            top=5,
        )
        for place in draw.choices(centres, k=count)
    ]


def measure() -> Measure:
    """Answer all questions five times."""
    index, asked = index_of(VENUES), questions(QUESTIONS)
    rates = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        proposed = sum(len(match(request, index, TODAY).proposals) for request in asked)
        rates.append(len(asked) / (time.perf_counter() - started))
    return absolute(
        "matching_per_second",
        rates,
        unit="matches/s",
        target=2_000,
        how=f"{QUESTIONS} questions at 20 km over {len(index):,} venues, top 5 with reasons, exclusions counted; {proposed} venues proposed",
    )
