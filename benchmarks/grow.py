"""Grows the sample of real venues to any number, around real municipalities, always the same for the same seed.

Each grown venue keeps every other field of a real one drawn at random, so that blanks, services and costs stay
distributed as in the sample; only its id, name and place change. Places are drawn among the municipalities that have a
centre, each as likely as another, and scattered about 1.5 km around it.

    python -m benchmarks.grow 50000 > venues.csv
"""

import csv
import random
import sys
from collections.abc import Iterator
from math import cos, radians
from pathlib import Path

DATA = Path(__file__).parent.parent / "data"
SEED = 20261123
SCATTER_KM = 1.5
KM_PER_DEGREE = 111.195


def grow(count: int, *, seed: int = SEED, data: Path = DATA) -> Iterator[dict[str, str]]:
    """`count` rows of the national standard v1.0.2, as texts by column."""
    with (data / "venues_real_sample.csv").open(encoding="utf-8", newline="") as file:
        sample = list(csv.DictReader(file))
    with (data / "communes_fr.csv").open(encoding="utf-8", newline="") as file:
        centres = [row for row in csv.DictReader(file) if row["latitude"] and row["codes_postaux"]]
    draw = random.Random(seed)
    for number in range(count):
        yield _grown(number, draw.choice(sample), draw.choice(centres), draw)


def _grown(number: int, real: dict[str, str], place: dict[str, str], draw: random.Random) -> dict[str, str]:
    latitude = float(place["latitude"]) + draw.gauss(0, SCATTER_KM) / KM_PER_DEGREE
    across = KM_PER_DEGREE * cos(radians(latitude))
    longitude = float(place["longitude"]) + draw.gauss(0, SCATTER_KM) / across
    return real | {
        "id": f"grown-{number:07d}",
        "nom": f"{real['nom']} {number}",
        "commune": place["nom"],
        "code_postal": place["codes_postaux"].split("|")[0],
        "code_insee": place["code_insee"],
        "latitude": f"{latitude:.6f}",
        "longitude": f"{longitude:.6f}",
    }


def main() -> None:
    """Write the CSV of as many venues as the first argument says (50,000 by default)."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    rows = grow(count)
    first = next(rows)
    writer = csv.DictWriter(sys.stdout, fieldnames=list(first))
    writer.writeheader()
    writer.writerow(first)
    writer.writerows(rows)


if __name__ == "__main__":
    main()
