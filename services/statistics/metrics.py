"""What this service counts beside what the kit counts."""

from prometheus_client import Counter, Gauge

FACTS = Counter(
    "relais_statistics_facts_total",
    "Events taken into facts. outcome: recorded, repeat (seen before; normal after a restart).",
    ["type", "outcome"],
)
CASES = Gauge(
    "relais_statistics_cases",
    "Cases in the cube of this process; 0 long after a start with data means that facts were not read.",
)
TABLES = Counter("relais_statistics_tables_total", "Tables answered.", ["view", "report"])
