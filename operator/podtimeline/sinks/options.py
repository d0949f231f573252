"""What every sink is made with."""

from dataclasses import dataclass
from typing import TextIO


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkOptions:
    """``target`` is what follows the sink's name and a colon in the setting ``sinks``, empty where nothing does.

    ``cluster`` is the cluster's name, empty where it has none; ``stdout`` belongs to who gives it.
    """

    target: str
    stdout: TextIO
    cluster: str
