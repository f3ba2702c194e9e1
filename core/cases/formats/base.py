"""What a format of cases is: how a folder is read, and by which rates its results are told."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from ...counted import counted
from ...errors import FolderError, UnreadableImage
from ..case import Case
from ..folder import Folder
from ..rates import Rate
from ..results import Result

SHOWN = 3
"""Pictures that cannot be used, told of by name."""


@dataclass(frozen=True)
class CaseSet:
    """Cases in the order of their table, and what is wrong with the folder though it can be run."""

    cases: tuple[Case, ...]
    problems: tuple[str, ...]


class CaseFormat(ABC):
    """One format. `key` names it in files and commands, `name` on screen; `paper` and `published` say whose it is and
    where it is to be had (nothing is downloaded), `expects` what the folder must look like."""

    key: ClassVar[str]
    name: ClassVar[str]
    paper: ClassVar[str]
    published: ClassVar[str]
    expects: ClassVar[str]

    @abstractmethod
    def cases(self, folder: Folder) -> CaseSet:
        """The cases of a folder. Raises FolderError."""

    @abstractmethod
    def rates(self, results: Sequence[Result]) -> tuple[Rate, ...]:
        """The published rates of this set, over the cases that could be asked."""

    def read(self, path: Path) -> CaseSet:
        """The cases of a folder, each with an id of its own; those whose pictures are missing are kept, and told of.
        Raises FolderError."""
        listed = self.cases(Folder(path))
        cases = _told_apart(listed.cases)
        stuck = [case for case in cases if case.problem is not None]
        if not stuck:
            return CaseSet(cases, listed.problems)
        whys = list(dict.fromkeys(case.problem for case in stuck if case.problem))
        more = f" (and {len(whys) - SHOWN} more like these)" if len(whys) > SHOWN else ""
        told = f"{len(stuck)} of {counted(len(cases), 'case')} cannot be asked and are counted apart: "
        told += " ".join(whys[:SHOWN]) + more
        return CaseSet(cases, (*listed.problems, told))

    def check(self, path: Path) -> tuple[str, ...]:
        """What is wrong with a folder, in sentences, before anything is run; nothing when all is well."""
        try:
            return self.read(path).problems
        except FolderError as error:
            return (str(error),)


def _told_apart(cases: Sequence[Case]) -> tuple[Case, ...]:
    """The cases with ids of their own, for tables number their rows as they like: a second "1" becomes "1 (2)"."""
    by_id: dict[str, Case] = {}
    times: Counter[str] = Counter()
    for case in cases:
        id_ = case.id
        while id_ in by_id:
            times[case.id] += 1
            id_ = f"{case.id} ({times[case.id] + 1})"
        by_id[id_] = case if id_ == case.id else replace(case, id=id_)
    return tuple(by_id.values())


def image_files(
    folder: Folder, names: Sequence[str], places: Sequence[str] = ("",)
) -> tuple[tuple[Path, ...], str | None]:
    """The files of some pictures, or why one of them cannot be used."""
    try:
        return tuple(folder.image(name, places) for name in names), None
    except UnreadableImage as error:
        return (), str(error)
