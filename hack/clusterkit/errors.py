"""Errors of the tools, each with a message for the terminal."""


class ClusterError(Exception):
    """A failure; the message says what to do."""

    exit_code = 1


class UsageError(ClusterError):
    """The arguments of the command are not valid."""

    exit_code = 2
