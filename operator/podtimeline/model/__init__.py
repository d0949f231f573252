"""The pure core: what happened to a pod and when, from evidence alone.

Nothing here reads a clock, a socket or a file, logs, or imports a third-party package; the import contracts in
``pyproject.toml`` fail the build otherwise. Every moment is an ``int`` of nanoseconds since the Unix epoch.
"""
