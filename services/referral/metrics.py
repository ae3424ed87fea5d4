"""What operators may count of referrals."""

from prometheus_client import Counter

TRANSITIONS = Counter(
    "relais_referral_transitions_total",
    "Commands to referrals, by outcome: recorded, repeated, refused. Many refusals: a client is out of step.",
    ("command", "outcome"),
)
ERASURES = Counter(
    "relais_case_erasures_total",
    "Steps of erasures: key_destroyed (the case), unlinked (each referral). Cases ordered but not destroyed: look at "
    "dead letters.",
    ("step",),
)
