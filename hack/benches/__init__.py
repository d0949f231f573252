"""Benches: each prints what it measured and, as its last line, one JSON object."""
