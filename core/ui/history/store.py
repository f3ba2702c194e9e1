"""What is done to runs of the list; whatever goes wrong is told in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...errors import SightlineError
from ...runs.run import Run
from ..state.keeping import runs
from ..state.opening import let_go, release
from ..state.workspace import Workspace
from .view import HistoryView, Told
from .words import many, title_of


def attempt(view: HistoryView, action: Callable[[], Told | None]) -> bool:
    """Do something, and tell on the page what came of it. Whether it was done."""
    try:
        view.told = action()
    except SightlineError as error:
        view.told = Told(str(error), wrong=True)
        return False
    return True


def change(workspace: Workspace, id_: str, work: Callable[[Run], object]) -> None:
    """Change what a run says of itself. Raises RunBusy where another tab keeps it, RunError, NotWritten."""
    keeper = workspace.run
    if keeper is not None and keeper.id == id_ and not keeper.looking:
        keeper.change(work)
        return
    release(id_)
    with runs().open(id_) as run:
        work(run)


def delete(workspace: Workspace, ids: Sequence[str]) -> Told:
    """Move runs to the trash. Raises RunBusy for one that another tab keeps, RunError, NotWritten; those before it are
    in the trash then. A conversation that this tab has open ends."""
    store = runs()
    titles = [title_of(store.info(id_)) for id_ in ids]
    for id_ in ids:
        let_go(workspace, id_)
        store.delete(id_)
    what = f"{titles[0]} is" if len(ids) == 1 else f"{many(len(ids), 'run')} are"
    return Told(f"{what} in the trash.", deleted=tuple(ids))


def undelete(ids: Sequence[str]) -> Told:
    """Put runs back. Raises RunError."""
    store = runs()
    for id_ in ids:
        store.undelete(id_)
    titles = [title_of(store.info(id_)) for id_ in ids]
    return Told(f"{titles[0]} is back." if len(ids) == 1 else f"{many(len(ids), 'run')} are back.")


def duplicate(id_: str) -> Told:
    """Copy a run. Raises RunError, NotWritten."""
    store = runs()
    return Told(f"{title_of(store.info(store.duplicate(id_)))} is there now.")
