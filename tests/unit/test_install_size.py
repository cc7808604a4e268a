"""What a student downloads: the packages that are declared, with all that they need, weighed here."""

from __future__ import annotations

from importlib.metadata import Distribution, PackageNotFoundError, distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def closure(name: str, extras: frozenset[str] = frozenset(), python: str = "") -> dict[str, Distribution]:
    """Return the distributions that `pip install name[extras]` brings here, or to another Python, without itself."""
    about = {"python_version": python, "python_full_version": f"{python}.0"} if python else {}
    found: dict[str, Distribution] = {}
    waiting, seen = [(name, extras)], set()
    while waiting:
        one, wanted = waiting.pop()
        if (one, wanted) in seen:
            continue
        seen.add((one, wanted))
        try:
            found[canonicalize_name(one)] = owner = distribution(one)
        except PackageNotFoundError:
            continue  # for another system, or another Python
        for text in owner.requires or ():
            needed = Requirement(text)
            if needed.marker is None or any(
                needed.marker.evaluate({"extra": extra, **about}) for extra in ("", *wanted)
            ):
                waiting.append((needed.name, frozenset(needed.extras)))
    found.pop(canonicalize_name(name))
    return found


def megabytes(packages: dict[str, Distribution]) -> dict[str, float]:
    """Return how much each brings: files as they are in its wheel, so without what Python compiles."""
    return {name: sum(file.size or 0 for file in owner.files or ()) / 1e6 for name, owner in packages.items()}


@pytest.mark.parametrize(("extras", "most"), [((), 200), (("grading",), 275)], ids=["pip install", "make lab"])
def test_a_student_downloads_no_more_than_was_promised(extras: tuple[str, ...], most: int) -> None:
    weighed = megabytes(closure("mailcourse", frozenset(extras)))
    heaviest = sorted(weighed, key=lambda name: -weighed[name])[:8]
    print(f"{sum(weighed.values()):.0f} MB:", ", ".join(f"{name} {weighed[name]:.0f}" for name in heaviest))
    assert {"jupyterlab", "ipywidgets", "aiosmtpd", "resvg-py"} <= set(weighed)
    assert sum(weighed.values()) <= most
    assert not {"graphviz", "pygraphviz", "numpy", "matplotlib"} & set(weighed)
