"""Commands that hand a run over to somebody else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .dashboard import HOST, PORT
from .runs import Data, RunId


def report(
    run: RunId,
    file: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE.html", help="The page to write; RUN.html by default.")
    ] = None,
    data: Data = None,
) -> None:
    """Write a run as one page that stands alone and prints well: pictures, questions, answers, every figure with its
    settings, its code and its papers. Needs no model."""
    from ..handing_over import reported

    raise typer.Exit(reported(data, run, file or Path(f"{run}.html")))


def bundle(
    run: RunId,
    file: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE.zip", help="The zip to write; RUN.zip by default.")
    ] = None,
    data: Data = None,
) -> None:
    """Write a run with its report, its figures (SVG, PNG), their numbers (CSV, NPZ), their code, and a program that
    computes them again and compares, as one zip. Needs no model; `runs import` takes it in."""
    from ..handing_over import bundled

    raise typer.Exit(bundled(data, run, file or Path(f"{run}.zip")))


def open_bundle(
    bundle: Annotated[str, typer.Argument(metavar="BUNDLE", help="A zip that was handed over, or a run that is kept.")],
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where the dashboard listens.")] = PORT,
    host: Annotated[
        str, typer.Option(help="The address it listens at; any other opens it to others, and it has no accounts.")
    ] = HOST,
    data: Data = None,
) -> None:
    """Take in a run that somebody handed over, and start the dashboard to look at it. Nothing in the zip is run."""
    from ..handing_over import opened

    opened(data, bundle, host, port)
