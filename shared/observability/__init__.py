"""What an operator sees: logs without personal data, metrics, health that means progress."""
