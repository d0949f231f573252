"""The HTTP side: metrics, probes, and the API that the CLI reads."""
