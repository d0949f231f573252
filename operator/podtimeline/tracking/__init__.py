"""Tracking: uid to timeline, from streams that race each other to checkpoints and told sinks.

Deterministic and synchronous: time comes in as an argument, and nothing here does I/O. Only ``fanout`` owns threads.
"""
