"""The last line of every bench."""

import json


def verdict(bench: str, value: float, unit: str, *, goal: float, ratio: float | None = None, **more: object) -> str:
    """One JSON object: what was measured, its goal, and whether it was met (less is better in all of them)."""
    said: dict[str, object] = {"bench": bench, "value": round(value, 3), "unit": unit, "goal": goal}
    said["met"] = (value if ratio is None else ratio) <= goal
    if ratio is not None:
        said["ratio"] = round(ratio, 3)
    return json.dumps(said | more)
