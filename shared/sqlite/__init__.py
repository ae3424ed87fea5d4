"""What every SQLite file of ours shares: one process on it, one writer thread, full sync, group commit."""
