"""podtimeline: where the time of a pod's start went, and why."""

__version__ = "0.1.0"
