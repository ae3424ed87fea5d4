"""Who calls, what they may do, and what may never enter."""
