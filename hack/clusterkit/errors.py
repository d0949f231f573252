"""What can go wrong, as one clear line for the person at the terminal."""


class ClusterError(Exception):
    """Something failed; the message says what to do about it."""

    exit_code = 1


class UsageError(ClusterError):
    """The command was called in a way it does not offer."""

    exit_code = 2
