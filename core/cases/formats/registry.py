"""Finds every format of this package: a file that defines one is all it takes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ...errors import FolderError
from ...plugins import discovered
from ..folder import Folder
from ..rates import Rate, accuracy
from ..results import Run
from .base import CaseFormat, CaseSet


@cache
def formats() -> dict[str, CaseFormat]:
    """Every format by its key, published ones first, in the order of their names."""
    by_name = discovered(__package__, CaseFormat, ("key", "name", "expects"))
    return dict(sorted(by_name.items(), key=lambda item: not item[1].published))


def read_folder(path: Path, key: str | None = None) -> tuple[CaseFormat, CaseSet]:
    """The cases of a folder in the format `key`, or in the first that it fits.

    Raises FolderError, which for an unknown format says what every format found.
    """
    if key is not None:
        if key not in formats():
            raise FolderError(f"There is no format “{key}”. The formats are {', '.join(formats())}.")
        return formats()[key], formats()[key].read(path)
    Folder(path)  # what no format could read is said once
    refused = []
    for one in formats().values():
        try:
            return one, one.read(path)
        except FolderError as error:
            refused.append(f"{one.name}: {error}")
    raise FolderError("\n".join(["The folder fits no format.", *dict.fromkeys(refused)]))


def rates_of(run: Run) -> tuple[Rate, ...]:
    """The published rates of a run's set; for any other set the accuracy, of all and of each family of questions."""
    if run.set_of_cases in formats():
        return formats()[run.set_of_cases].rates(run.results)
    families = dict.fromkeys(result.about["family"] for result in run.results if "family" in result.about)
    split = [[result for result in run.results if result.about.get("family") == family] for family in families]
    return (accuracy(run.results), *(accuracy(part, family) for family, part in zip(families, split, strict=True)))
