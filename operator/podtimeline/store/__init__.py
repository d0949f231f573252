"""The history: every pod's timeline and the counters of the histograms, in one SQLite file."""

from podtimeline.store.sqlite import SqliteStore, StoreNumbers

__all__ = ["SqliteStore", "StoreNumbers"]
