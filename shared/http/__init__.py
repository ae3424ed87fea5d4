"""What every HTTP surface shares: callers, idempotency, problems, lists, metrics, the app itself."""
