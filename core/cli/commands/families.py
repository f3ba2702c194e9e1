"""The command about families of models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..console import bar, emit, stoppable


def families(
    check: Annotated[bool, typer.Option("--check", help="Build a tiny model of each type and try what holds.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="Only this model type; may be given several times.")] = None,
    matrix: Annotated[
        Path | None, typer.Option(help="A page to write what was tried into; its other rows are kept.")
    ] = None,
) -> None:
    """The families of models that are described, or, with --check, what of Sightline holds for each model type."""
    from ...zoo.listing import listed

    if not check:
        for line in listed():
            emit(line)
        return
    from ...writing import reserved
    from ..families import checked, chosen

    names = chosen(only)
    wrong = False
    with reserved(matrix), stoppable() as cancel, bar("trying tiny models") as progress:
        for line in checked(names, matrix, cancel, progress):
            emit(line)
            wrong |= "wrong" in line
    if wrong:
        raise typer.Exit(1)
