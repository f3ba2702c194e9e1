"""The command about doubt."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..options import MOST, Adapter, Device, Model, Precision, Quantisation


def doubt(
    out: Annotated[
        Path | None, typer.Option(help="Where finished lines are kept; the same file goes on. None lists the signals.")
    ] = None,
    folder: Annotated[Path | None, typer.Argument(help="A folder of cases with right answers.")] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="The folder's format, a key that `cases formats` tells; found out by default."),
    ] = None,
    street: Annotated[
        int | None, typer.Option(min=1, max=MOST, help="Drawn cases of each family, instead of a folder.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, max=MOST, help="Only the first cases.")] = None,
    signal: Annotated[
        list[str] | None, typer.Option(help="A signal; give it again for several. All by default.")
    ] = None,
    summary: Annotated[
        Path | None, typer.Option(help="Also write figures and calibration as JSON, as Chat reads them.")
    ] = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    quantisation: Quantisation = "none",
    adapter: Adapter = None,
) -> None:
    """How well each signal of doubt tells wrong answers, and things that are not there, from the others; one line for
    each. Without --out the signals are listed."""
    from ...errors import WrongOption
    from .. import doubt as work
    from ..asking import spec_of

    if out is None:
        if folder is not None or street is not None:
            raise WrongOption("Say where the lines are kept: --out, a file. The same file goes on.")
        raise typer.Exit(work.tell_signals())
    given = {"--format": form, "--street": street, "--limit": limit, "--model": model}
    options = [*([str(folder)] if folder else []), *(f"{name} {value}" for name, value in given.items() if value)]
    options += [f"--signal {key}" for key in signal or ()]
    options += [f"--out {out}", *([f"--summary {summary}"] if summary else [])]
    spec = spec_of(model, device, precision, quantisation, adapter)
    command = f"sightline doubt {' '.join(options)}"
    raise typer.Exit(work.run(spec, folder, form, street, out, limit, signal, summary, command))
