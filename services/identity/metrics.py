"""What this service counts of its own."""

from prometheus_client import Counter

TOKENS = Counter(
    "relais_tokens_total", "Token requests by outcome: issued, or the code of the refusal.", ["outcome"]
)
