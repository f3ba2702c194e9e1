"""The re-asks of a tab, each a row: those that were made here, and those that its run has."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from ...answer import Answer
from ...perturb.reask import Reasked
from ...runs.identity import answer_id
from ...runs.reasks import ReaskRow, forget_reask, keep_reask, reasks
from .keeper import RunKeeper
from .results import answer_key
from .workspace import Workspace

_KEPT = "reask "


def rows_of(workspace: Workspace, answer: Answer) -> tuple[ReaskRow, ...]:
    """The re-asks of an answer with regions hidden, the first made first. Those of a run that was opened are read when
    they are first asked for."""
    _read(workspace, answer)
    own = answer_key(answer)
    return tuple(row for row in workspace.reasks if answer_key(row.reasked.original) == own)


def shown_of(workspace: Workspace, answer: Answer) -> Reasked | None:
    """The re-ask of an answer that is looked at: the one that was made or opened last; None where there is none."""
    if workspace.reasked is not None and answer_key(workspace.reasked.original) == answer_key(answer):
        return workspace.reasked
    rows = rows_of(workspace, answer)
    named = [row for row in rows if row_name(row.reasked) == workspace.reask_named]
    workspace.reasked = (named or rows)[-1].reasked if rows else None
    return workspace.reasked


def add(workspace: Workspace, reasked: Reasked) -> None:
    """Look at a re-ask that was just made, and keep it as the last row. The same asked again takes the former's
    place."""
    name = row_name(reasked)
    workspace.reasks = [row for row in workspace.reasks if row_name(row.reasked) != name] + [ReaskRow(reasked)]
    workspace.reasked = reasked


def replaced(workspace: Workspace, reasked: Reasked) -> None:
    """Keep a re-ask, of which more was measured, in the place of the former one."""
    name = row_name(reasked)
    workspace.reasks = [ReaskRow(reasked) if row_name(row.reasked) == name else row for row in workspace.reasks]
    if workspace.reasked is not None and row_name(workspace.reasked) == name:
        workspace.reasked = reasked


def remove(workspace: Workspace, names: Collection[str]) -> None:
    """Remove rows, by their names."""
    workspace.reasks = [row for row in workspace.reasks if row_name(row.reasked) not in names]
    if workspace.reasked is not None and row_name(workspace.reasked) in names:
        workspace.reasked = None


def row_name(reasked: Reasked) -> str:
    """What a re-ask is, by content: the new answer, whose question has the masks."""
    return answer_id(reasked.answer)


def keep_rows(workspace: Workspace, keeper: RunKeeper) -> None:
    """Keep rows that are new in the tab's run, and forget those that were removed."""
    rows = {_KEPT + row_name(row.reasked): row.reasked for row in workspace.reasks}
    for name, reasked in rows.items():
        if keeper.known.get(name) is not reasked:
            keeper.known[name] = reasked
            keeper.do(partial(keep_reask, reasked=reasked))
            keeper.measure()
    for name in [name for name in keeper.known if name.startswith(_KEPT) and name not in rows]:
        gone = keeper.known.pop(name)
        assert isinstance(gone, Reasked)
        keeper.do(partial(forget_reask, reasked=gone))
        keeper.measure()


def _read(workspace: Workspace, answer: Answer) -> None:
    keeper = workspace.run
    read = f"reasks {answer_id(answer)}"
    if keeper is None or read in keeper.read:
        return
    keeper.read.add(read)
    here = {row_name(row.reasked) for row in workspace.reasks}
    for row in reasks(keeper.run, answer):
        name = row_name(row.reasked)
        if row.masks and name not in here:
            workspace.reasks.append(row)
            keeper.known[_KEPT + name] = row.reasked
