"""What the directory measures of itself."""

from prometheus_client import Counter, Gauge, Histogram

MATCHES = Counter("relais_matches_total", "Matches answered, by cause.", ["cause"])
MATCHES_SKIPPED = Counter("relais_matches_skipped_total", "Assessments not matched, by why.", ["why"])
MATCH_SECONDS = Histogram(
    "relais_match_seconds",
    "Time to weigh the venues of one request, without storing it.",
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05),
)
INDEXED_VENUES = Gauge("relais_indexed_venues", "Venues in the index of this process.")
IMPORTED_ROWS = Counter("relais_imported_rows_total", "Rows read by imports, by outcome.", ["outcome"])
