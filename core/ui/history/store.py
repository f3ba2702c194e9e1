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
    """Move runs to the trash, but for those that another tab keeps or that cannot be moved, of which it is told why. A
    conversation that this tab has open ends."""
    store = runs()
    deleted: dict[str, str] = {}
    troubles: list[str] = []
    for id_ in ids:
        try:
            title = title_of(store.info(id_))
            let_go(workspace, id_)
            store.delete(id_)
            deleted[id_] = title
        except SightlineError as error:
            troubles.append(str(error))
    what = [f"{title} is" for title in deleted.values()] if len(deleted) == 1 else [f"{many(len(deleted), 'run')} are"]
    if not deleted:
        return Told(" ".join(dict.fromkeys(troubles)), wrong=True)
    return Told(f"{what[0]} in the trash.", tuple(deleted), tuple(dict.fromkeys(troubles)), wrong=bool(troubles))


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
