"""What to paste into a bug report."""

from __future__ import annotations

from typing import Annotated

import typer

from ..console import Exit, emit
from ..console import line as told


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Tell it as a JSON line.")] = False,
) -> None:
    """Versions, devices, threads, memory, and whether the embedded model answers: the text for a bug report."""
    from ...doctor.report import report

    state = report()
    if as_json:
        emit(state.record())
    else:
        for line in state.lines():
            told(line)
    raise typer.Exit(Exit.IMPOSSIBLE if state.troubles else Exit.DONE)
