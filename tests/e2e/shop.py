"""The demo's shop as the tests see it: the timelines that the installed operator tells of it."""

from dataclasses import dataclass
from typing import Any

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shop:
    """All timelines of the shop's namespace."""

    items: tuple[Item, ...]

    @property
    def ready(self) -> tuple[Item, ...]:
        """Those of pods that became ready and are meant to stay."""
        return tuple(item for item in self.items if item["outcome"] == "ready" and item["workload"]["kind"] != "Job")

    def of(self, workload: str) -> Item:
        """The timeline of a workload's first pod."""
        return next(item for item in self.items if item["workload"]["name"] == workload)

    @staticmethod
    def containers(item: Item) -> list[str]:
        """The names of the containers that run on: main ones and sidecars."""
        return [each["name"] for each in item["containers"] if each["kind"] != "init"]
