"""The errors of podtimeline.

PodtimelineError
 +-- SettingsError        a setting is wrong: its name, the value, what is allowed
 +-- ClusterError         the cluster cannot be reached or refuses the credentials
 +-- StoreError           the history cannot be opened, read or written
 +-- QueryError           a search of the history is not valid
 +-- CaptureError         a capture file is malformed
 +-- MalformedObject      one object of a stream does not decode; counted, logged once, the stream goes on
"""


class PodtimelineError(Exception):
    """Base of all errors raised on purpose; its text says what to do."""


class SettingsError(PodtimelineError):
    """A setting is wrong."""


class ClusterError(PodtimelineError):
    """The cluster cannot be reached, or refuses the credentials."""


class StoreError(PodtimelineError):
    """The history cannot be opened, read or written."""


class QueryError(PodtimelineError):
    """A search of the history is not valid."""


class CaptureError(PodtimelineError):
    """A capture file is malformed."""


class MalformedObject(PodtimelineError):  # noqa: N818 - named for what it says, as the stream goes on
    """One object of a stream does not decode."""
