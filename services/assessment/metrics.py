"""What this service counts beside what the kit counts."""

from prometheus_client import Counter

ASSESSMENTS = Counter(
    "relais_assessments_total",
    "Assessments by depth and by what happened to them (proposed, completed, revised).",
    ("depth", "outcome"),
)
