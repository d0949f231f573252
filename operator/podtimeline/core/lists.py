"""Lists of names as people read them: nobody reads forty."""

from collections.abc import Iterable, Sequence

_NAMED = 3
"""Up to so many names are all written out."""


def names_text(names: Sequence[str]) -> str:
    """Names in a sentence: ``a``, ``a and b``, ``a, b and c``, and of more of them ``a, b and 30 more``."""
    return _joined(names if len(names) <= _NAMED else (*names[: _NAMED - 1], f"{len(names) - _NAMED + 1} more"))


def steps_text(steps: Iterable[tuple[str, str]]) -> str:
    """Milestones with their subjects, those of the same milestones together: ``pulled and started of a and b``."""
    of: dict[str, list[str]] = {}
    for name, subject in steps:
        of.setdefault(subject, []).append(name.replace("_", " "))
    alike: dict[tuple[str, ...], list[str]] = {}
    for subject, names in of.items():
        alike.setdefault(tuple(names), []).append(subject)
    return "; ".join(_joined(names) + _of(subjects) for names, subjects in alike.items())


def _of(subjects: Sequence[str]) -> str:
    named = [each for each in subjects if each]
    return f" of {names_text(named)}" if named else ""


def _joined(names: Sequence[str]) -> str:
    return " and ".join(each for each in (", ".join(names[:-1]), *names[-1:]) if each)
