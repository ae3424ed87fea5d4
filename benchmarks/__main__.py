"""`make bench`: run every measure, print the table, write `benchmarks/results.json` and the table of the README."""

import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks import chain, footprint, matching, store
from benchmarks.measure import Measure
from shared.observability.logging import configure_logging

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
BEGIN, END = "<!-- benchmarks: written by make bench -->", "<!-- end of benchmarks -->"


def run_all() -> list[Measure]:
    """Run each measure in turn."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [
            *asyncio.run(chain.measure_all(folder)),
            store.measure(),
            matching.measure(),
            footprint.run(folder),
        ]


def table(measures: list[Measure], where: str) -> str:
    """Return the Markdown table of the README."""
    lines = [
        f"{where}",
        "",
        "| figure | ours | floor | ratio (spread) | target | reached |",
        "|---|---|---|---|---|---|",
    ]
    for one in measures:
        spread = f"{one.spread[0]:g}–{one.spread[1]:g}"
        ratio = f"{one.ratio:g} ({spread})" if one.ratio is not None else f"({spread})"
        floor = f"{one.floor:g}" if one.floor is not None else "–"
        lines.append(
            f"| `{one.name}` | {one.ours:g} {one.unit} | {floor} | {ratio} | {one.target:g} | {'yes' if one.reached else '**no**'} |"
        )
    return "\n".join(lines)


def commit() -> str:
    """Return the commit that was measured."""
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=HERE
    )
    return found.stdout.strip() or "unknown"


def main() -> int:
    """Measure, print, write; exit 1 when a target is missed."""
    configure_logging("ERROR")
    measures, when = run_all(), datetime.now(UTC)
    context = {
        "commit": commit(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "date": when.date().isoformat(),
    }
    where = f"Commit {context['commit']}, {context['cores']} cores, Python {context['python']}, {context['date']}; rates and ratios are medians of five repeats, latency and memory one run each."
    results = {**context, "measures": [one.to_json() for one in measures]}
    (HERE / "results.json").write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    text = table(measures, where)
    Console(width=140).print(text, markup=False)
    if README.exists() and BEGIN in (readme := README.read_text()):
        before, rest = readme.split(BEGIN)
        README.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}")
    return 0 if all(one.reached for one in measures) else 1


if __name__ == "__main__":
    sys.exit(main())
