"""What to paste into a bug report."""

from __future__ import annotations

from typing import Annotated

import typer

from ..console import Exit, emit


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Tell it as a JSON line.")] = False,
) -> None:
    """Versions, devices, threads, memory, and whether the embedded model answers: the text for a bug report."""
    from ...doctor.report import report

    found = report()
    if as_json:
        emit(found.record())
    else:
        for line in found.lines():
            typer.echo(line)
    raise typer.Exit(Exit.IMPOSSIBLE if found.troubles else Exit.DONE)
