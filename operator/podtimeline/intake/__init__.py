"""Intake: what the API server says, turned into observations. May import core, ports, kopf, aiohttp, msgspec."""
