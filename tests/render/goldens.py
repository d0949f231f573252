"""The drawings that are compared as text. ``python -m tests.render.goldens`` draws them anew, to be looked at."""

from collections.abc import Iterator
from pathlib import Path

from tests.render import samples, way_back

from podtimeline.render.revision_drawing import revision
from podtimeline.render.rollout import rollout
from podtimeline.render.screen import Screen
from podtimeline.render.waterfall import waterfall

FOLDER = Path(__file__).parent / "golden"
LIVES = {
    "ordinary": samples.quick,
    "unschedulable": samples.unschedulable,
    "crowded": samples.crowded,
    "unseen": samples.unseen,
    "failed": samples.failed,
    "limited": samples.limited,
    "evicted": way_back.evicted,
    "ordinal": way_back.ordinal,
    "looping": way_back.looping,
}
SCREENS = {
    f"{width}{'' if show else '-ascii'}": Screen(width, unicode=show)
    for width in (60, 100, 160)
    for show in (True, False)
}


def drawings() -> Iterator[tuple[str, str]]:
    """The name of each golden file and what it should hold."""
    for kind, screen in SCREENS.items():
        for name, life in LIVES.items():
            # The widest screens show everything.
            lines = waterfall(samples.drawn(life()), screen, wide=screen.width == 160)
            yield f"{name}-{kind}.txt", screen.draw(lines)
        yield f"rollout-{kind}.txt", screen.draw(rollout(samples.fleet(), screen))
        yield f"revision-{kind}.txt", screen.draw(revision(samples.replaced(), screen))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, text in drawings():
        (FOLDER / file).write_text(text, encoding="utf-8")
