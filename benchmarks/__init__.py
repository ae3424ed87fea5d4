"""Measured ratios, each against a named floor of the same run; `make bench` prints and writes them."""
