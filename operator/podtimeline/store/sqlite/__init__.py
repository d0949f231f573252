"""The history in one SQLite file; nothing outside this package knows SQLite."""
