"""The demonstration: one person's way from an assessment to a counted result, played through the public API.

Its client (`api`), its bodies (`bodies`) and its receiver (`receiver`) are also what benchmarks and crash tests drive.
"""
