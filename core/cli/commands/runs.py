"""Commands about runs that are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..options import MOST

Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="FOLDER", help="Where runs are kept; by default the account's folder for data."),
]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run, as `runs list` names it.")]


def list_runs(
    search: Annotated[
        str, typer.Option(help="Words that must all stand in title, tags, notes, models, questions or answers.")
    ] = "",
    trash: Annotated[bool, typer.Option("--trash", help="The deleted ones instead.")] = False,
    over: Annotated[
        bool, typer.Option("--over-limits", help="Those that go beyond the limits, with the reason.")
    ] = False,
    data: Data = None,
) -> None:
    """The runs that are kept, the newest first; a line for each."""
    from ..kept import listed

    listed(data, search, trash, over)


def show(
    run: RunId,
    check: Annotated[bool, typer.Option("--check", help="Read all of it, and say what is broken.")] = False,
    data: Data = None,
) -> None:
    """What is in a run: its turns, branches and results, and what of it cannot be read."""
    from ..kept import shown

    raise typer.Exit(shown(data, run, check))


def export(
    run: RunId,
    file: Annotated[Path, typer.Argument(help="The zip to write.")],
    data: Data = None,
) -> None:
    """Write a run as one file, to hand to somebody else: pictures, answers and results as they are."""
    from ..kept import exported

    exported(data, run, file)


def take_in(file: Annotated[Path, typer.Argument(help="A file that `runs export` wrote.")], data: Data = None) -> None:
    """Take in a run that somebody else exported, under a name of its own."""
    from ..kept import taken_in

    raise typer.Exit(taken_in(data, file))


def delete(run: RunId, data: Data = None) -> None:
    """Move a run to the trash, from which `runs undelete` brings it back."""
    from ..kept import deleted

    deleted(data, run)


def undelete(run: RunId, data: Data = None) -> None:
    """Bring a run back from the trash."""
    from ..kept import undeleted

    undeleted(data, run)


def limits(
    days: Annotated[float | None, typer.Option(min=0, max=MOST, help="Days since a run was changed.")] = None,
    gigabytes: Annotated[float | None, typer.Option(min=0, max=MOST, help="What all runs may take together.")] = None,
    none: Annotated[bool, typer.Option("--none", help="No limits.")] = False,
    data: Data = None,
) -> None:
    """Tell or set the limits beyond which `runs list --over-limits` names runs. Nothing is deleted for them."""
    from ..kept import limited

    limited(data, days, gigabytes, none)
