"""Whole-flow tests, through the public API only."""
