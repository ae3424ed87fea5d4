"""What this service counts beside the kit's own metrics. Labels are closed lists, never ids."""

from prometheus_client import Counter, Gauge, Histogram

ATTEMPTS = Counter("relais_webhook_attempts_total", "Webhook attempts by outcome.", ["outcome"])
ATTEMPT_SECONDS = Histogram("relais_webhook_attempt_seconds", "How long an attempt took, answer included.")
DELAY_SECONDS = Histogram(
    "relais_webhook_delay_seconds",
    "From the event to the start of the first attempt to deliver it.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 60, 600),
)
DELIVERIES = Counter("relais_deliveries_total", "Deliveries by the state they came to.", ["state"])
ENDPOINTS_DISABLED = Counter("relais_endpoints_disabled_total", "Endpoints disabled, by reason.", ["reason"])
FENCED_WRITES = Counter("relais_lane_writes_fenced_total", "Writes dropped because the lease was lost.")
LANES_FAILED = Counter(
    "relais_lanes_failed_total",
    "Lanes whose work ended in a bug of ours; look for lane.work.failed in the log.",
)
LANES_READY = Gauge("relais_lanes_ready", "Lanes that are due and wait for a free slot in this process.")
LANES_RUNNING = Gauge("relais_lanes_running", "Lanes being worked on in this process.")
SWEPT = Counter("relais_notifications_swept_total", "What the sweeper put right.", ["what"])
