"""Benchmarks. Each prints its measurements and, as the last line, one JSON object."""
