"""Commands about sets of cases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..options import MOST, Adapter, Device, Engine, Html, MaxNewTokens, Model, Precision, Quantisation, WorkerCount

Results = Annotated[Path, typer.Argument(metavar="RESULTS", help="A results file that `cases run` wrote.")]
Notes = Annotated[Path | None, typer.Option(help="The file of notes; one beside the results by default.")]
Format = Annotated[
    str | None,
    typer.Option("--format", help="The folder's format, a key that `cases formats` tells; found out by default."),
]


def formats() -> None:
    """The formats that folders may have, where each is published, and what its folder must look like."""
    from .. import cases as work

    raise typer.Exit(work.tell_formats())


def check(folder: Annotated[Path, typer.Argument()], form: Format = None) -> None:
    """What is wrong with a folder, before it is run."""
    from .. import cases as work

    raise typer.Exit(work.check(folder, form))


def run(
    out: Annotated[Path, typer.Option(help="The results file; the same file goes on.")],
    folder: Annotated[Path | None, typer.Argument(help="A folder of cases.")] = None,
    form: Format = None,
    street: Annotated[
        int | None, typer.Option(min=1, max=MOST, help="Drawn cases of each family, instead of a folder.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, max=MOST, help="Only the first cases.")] = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    quantisation: Quantisation = "none",
    adapter: Adapter = None,
    max_new_tokens: MaxNewTokens = 64,
    dependence: Annotated[bool, typer.Option(help="Also measure how far answers rest on the picture.")] = True,
    engine: Engine = "local",
    workers: WorkerCount = 2,
) -> None:
    """Ask a model every case of a folder, or of drawn streets; one line of the results file for each."""
    from ...cases.runner import RunSettings
    from .. import cases as work
    from ..asking import Staff, spec_of

    staff = Staff(spec_of(model, device, precision, quantisation, adapter), engine, workers)
    raise typer.Exit(work.run(staff, folder, form, street, out, limit, RunSettings(max_new_tokens, dependence)))


def report(
    results: Results,
    html: Html = None,
    wrong: Annotated[bool, typer.Option("--wrong", help="Also a line for each wrong answer.")] = False,
    notes: Notes = None,
) -> None:
    """The rates of a run with their intervals, and how far right and wrong answers rest on the picture."""
    from .. import cases as work

    raise typer.Exit(work.report(results, html, wrong, notes))


def compare(
    first: Results,
    second: Results,
    differing: Annotated[bool, typer.Option("--differing", help="Also a line for each case they differ in.")] = False,
) -> None:
    """Two models, or two checkpoints, on the same cases."""
    from .. import cases as work

    raise typer.Exit(work.compare_runs(first, second, differing))


def decide(
    results: Results,
    case: Annotated[
        str | None, typer.Argument(help="The case's id; none lists the answers nobody decided about.")
    ] = None,
    verdict: Annotated[str | None, typer.Argument(help="right, wrong, or undecided to take a decision back.")] = None,
) -> None:
    """Answers that no rule understands: list them, and decide about each once. It is kept beside the results."""
    from .. import cases as work

    raise typer.Exit(work.decide(results, case, verdict))


def note(
    results: Results,
    case: Annotated[str, typer.Argument(help="The case's id.")],
    text: Annotated[str, typer.Option(help="The note; empty takes it away.")] = "",
    tag: Annotated[list[str] | None, typer.Option(help="A tag; give it again for several.")] = None,
    notes: Notes = None,
) -> None:
    """Note something about a case, in place of what was noted before."""
    from .. import cases as work

    raise typer.Exit(work.note(results, case, text, tag or [], notes))
