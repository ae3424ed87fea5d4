"""Matching: which venues answer a person's needs, and why, in memory and without a clock or a store."""
