"""The commands together."""

from __future__ import annotations

from collections.abc import Callable

import typer

from .commands import (
    answers,
    cases,
    circuits,
    dashboard,
    doctor,
    doubt,
    families,
    handing_over,
    mechanisms,
    runs,
    scenes,
    states,
)
from .console import CODES, Guarded

app = typer.Typer(
    name="sightline",
    cls=Guarded,
    epilog=CODES,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.callback(invoke_without_command=True, epilog=CODES)(dashboard.dashboard)
of_sets = typer.Typer(help="Sets of questions whose answers are known.", epilog=CODES, no_args_is_help=True)
of_runs = typer.Typer(help="Conversations that are kept, with what was computed.", epilog=CODES, no_args_is_help=True)

ALONE: tuple[Callable[..., None], ...] = (
    *(answers.ask, answers.reask, answers.explain, answers.evidence, answers.audit),
    mechanisms.mechanism,
    circuits.circuit,
    families.families,
    *(scenes.survey, scenes.league, scenes.heads, scenes.known_cause, scenes.true_effects, scenes.checks, scenes.flips),
    *(states.probes, states.steer),
    *(scenes.claims, scenes.findings, scenes.study),
    scenes.remedies,
    doubt.doubt,
    *(handing_over.report, handing_over.bundle),
    doctor.doctor,
)
OF_SETS: tuple[Callable[..., None], ...] = (
    *(cases.formats, cases.check, cases.run),
    *(cases.report, cases.compare, cases.note, cases.decide),
)
OF_RUNS: dict[str, Callable[..., None]] = {
    "list": runs.list_runs,
    "show": runs.show,
    "export": runs.export,
    "import": runs.take_in,
    "delete": runs.delete,
    "undelete": runs.undelete,
    "limits": runs.limits,
}

for command in ALONE:
    app.command(epilog=CODES)(command)
for command in OF_SETS:
    of_sets.command(epilog=CODES)(command)
app.command("open", epilog=CODES)(handing_over.open_bundle)
for name, command in OF_RUNS.items():
    of_runs.command(name, epilog=CODES)(command)
app.add_typer(of_sets, name="cases")
app.add_typer(of_runs, name="runs")
