"""Readers of the formats in which venues are published; each turns a file into rows and a report."""
